import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Below the ports that Linux gives away by itself (net.ipv4.ip_local_port_range), of which all other programs here get theirs. */
const LOWEST_PORT = 20_000;
const PORTS = 12_000;

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** Ports that are free, for programs that cannot report which one they chose before others need it. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = LOWEST_PORT + randomInt(PORTS);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}
