// The entry point of every npm script. It must run in a fresh clone, so it and what it imports depend only on Node.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { setInterval } from "node:timers";
import { fileURLToPath } from "node:url";
import { ENDING_SIGNALS } from "./exit-status.mjs";
import { installDependencies } from "./install.mjs";

const LOWEST_NODE = 20;

const [major] = process.versions.node.split(".").map(Number);
if (major < LOWEST_NODE) {
  console.error(`Node ${process.versions.node} is too old: istio-nats needs Node ${LOWEST_NODE} or newer.`);
  process.exit(1);
}

if (!installDependencies()) process.exit(1);

// Tasks are written in TypeScript. A Node of this age runs it only through tsx, which is one of the dependencies just installed.
const tasks = fileURLToPath(new URL("./main.ts", import.meta.url));

// npm, or a script that ends what it has started, sends these to this process alone. Ctrl-C reaches every process of the terminal,
// so a task may get it twice. They are listened for first of all: one that comes when the task is there and nobody listens yet
// would end this process alone.
for (const signal of ENDING_SIGNALS) process.on(signal, () => task.kill(signal));

const task = spawn(process.execPath, ["--import", "tsx", tasks, ...process.argv.slice(2)], {
  stdio: "inherit",
  cwd: fileURLToPath(new URL("..", import.meta.url)),
});

const OFTEN = 500;

/** The parent of a process, or undefined where there is no such process, or no /proc. */
function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The command stands in parentheses and may contain blanks.
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined;
  }
}

/** Whether a process is the shell in which npm runs a script. Some shells make way for the one command that they are given. */
function isShellOfScript(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0")[1] === "-c";
  } catch {
    return false;
  }
}

// npm gives SIGTERM to the shell in which it runs a script, and a shell that ends of it says nothing to the script. SIGHUP, or what
// it cannot catch, ends npm alone. So what npm has started looks whether npm and that shell are still there. Who starts this file
// without npm may leave it behind on purpose.
if (process.env.npm_lifecycle_event !== undefined) {
  const shell = process.ppid;
  const npm = isShellOfScript(shell) ? parentOf(shell) : undefined;
  const isLeft = () => process.ppid !== shell || (npm !== undefined && parentOf(shell) !== npm);
  setInterval(() => isLeft() && task.kill("SIGTERM"), OFTEN).unref();
}

task.on("exit", (status, signal) => {
  if (signal === null) process.exit(status);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
