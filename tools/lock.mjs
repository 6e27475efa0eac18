// What two npm scripts of one clone must not do at once. It is needed before the packages are there, so it depends only on Node.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const build = fileURLToPath(new URL("../build/", import.meta.url));

function isAlive(id) {
  try {
    process.kill(id, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Undefined if the file is gone, or does not say it yet. */
function holderOf(file) {
  try {
    return Number(readFileSync(file, "utf8")) || undefined;
  } catch {
    return undefined;
  }
}

/** Removes the lock of a process that has ended without giving it back. */
function removeAbandoned(file, holder) {
  const mine = `${file}.${process.pid}`;
  try {
    renameSync(file, mine);
    // Another process may have done the same and taken the lock since.
    if (holderOf(mine) === holder) rmSync(mine, { force: true });
    else renameSync(mine, file);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
}

/**
 * Waits until no other process has the lock `name`, and takes it. `what` says what its holder does, for whoever waits. Returns what
 * gives it back.
 */
export function takeLock(name, what) {
  const file = `${build}${name}.lock`;
  mkdirSync(build, { recursive: true });
  for (let waits = 0; ; waits++) {
    try {
      writeFileSync(file, String(process.pid), { flag: "wx" });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const holder = holderOf(file);
    if (holder !== undefined && !isAlive(holder)) {
      removeAbandoned(file, holder);
      continue;
    }
    if (waits === 1)
      console.error(`==> process ${holder ?? "unknown"} ${what}; waiting for it (if there is none, remove ${file})`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
}
