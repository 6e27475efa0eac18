// Loaded into each process that runs a file of tests: how long that took, for the summary of `npm test`.

import { appendFileSync } from "node:fs";
import { relative } from "node:path";

const [, file] = process.argv;
const times = process.env.ISTIO_NATS_FILE_TIMES;

// node --test itself loads it, too, and has no file.
if (times !== undefined && file?.endsWith(".test.ts")) {
  process.on("exit", () => {
    const { user, system } = process.cpuUsage();
    const time = {
      file: relative(process.cwd(), file),
      seconds: process.uptime(),
      cpu: (user + system) / 1e6,
    };
    appendFileSync(times, `${JSON.stringify(time)}\n`);
  });
}
