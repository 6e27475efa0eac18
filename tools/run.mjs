// The entry point of every npm script. It must run in a fresh clone, so it and what it imports depend only on Node.

import { spawn } from "node:child_process";
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

task.on("exit", (status, signal) => {
  if (signal === null) process.exit(status);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
