import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { takeLock } from "./lock.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const stamp = `${root}node_modules/.istio-nats-lock`;

/** The lock file's hash, which says what node_modules must have been installed from. */
function lockHash() {
  return createHash("sha256")
    .update(readFileSync(`${root}package-lock.json`))
    .digest("hex");
}

/**
 * The npm that runs this process, and its first arguments. It is not simply `npm`: inside a script, node_modules/.bin comes first
 * in PATH, and a dependency of as-pect's leaves an npm 6 there, which cannot read this lock file.
 */
export function npmCommand(environment) {
  const running = environment.npm_execpath ?? "";
  return /npm-cli\.c?js$/.test(running) ? [process.execPath, running] : ["npm"];
}

/** All packages are development dependencies, which npm leaves out where NODE_ENV is production. */
const INCLUDED = ["--include=dev", "--include=optional"];

function isInstalled(wanted) {
  return existsSync(stamp) && readFileSync(stamp, "utf8") === wanted;
}

/**
 * Installs what package-lock.json says into node_modules, or does nothing if it is already there. If npm fails, prints what to do
 * and returns false. Where two processes of one clone come at once, one installs and the other waits: npm would empty the folder
 * under the first.
 */
export function installDependencies() {
  const wanted = lockHash();
  if (isInstalled(wanted)) return true;
  const giveBack = takeLock("npm-packages", "installs the npm packages");
  try {
    return isInstalled(wanted) || install(wanted);
  } finally {
    giveBack();
  }
}

function install(wanted) {
  console.error("==> npm packages, from package-lock.json");
  // npm's own messages go to stderr, because stdout belongs to the task.
  const [command, ...first] = npmCommand(process.env);
  const npm = spawnSync(command, [...first, "ci", ...INCLUDED, "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (npm.status !== 0) {
    const reason = npm.error ? npm.error.message : `npm ci ended with ${npm.status ?? npm.signal}`;
    console.error(`The npm packages could not be installed (${reason}). Is an npm registry reachable? Try: npm ci`);
    return false;
  }
  writeFileSync(stamp, wanted);
  return true;
}
