import { readFileSync } from "node:fs";
import { Fault } from "../../tools/fault.ts";

/** Files that Envoy has open besides two for each connection. */
const OTHER_FILES = 100;

/** Throws if Envoy may not open two files for each of the connections that this option asks for. */
export function checkFiles(
  option: "connections" | "crowd",
  connections: number,
  limits = readFileSync("/proc/self/limits", "latin1"),
): void {
  const limit = Number(/^Max open files +\d+ +(\d+)/m.exec(limits)?.[1] ?? Infinity);
  const most = Math.floor((limit - OTHER_FILES) / 2);
  if (connections <= most) return;
  throw new Fault(
    `${connections} connections take Envoy two files each, and a process may open ${limit} here. Raise that (\`ulimit -Hn\`), or measure --${option} ${most}.`,
  );
}
