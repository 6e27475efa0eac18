import { Host } from "../../test/host/host.ts";
import { Wire } from "../../test/host/wire.ts";
import { pluginConfig } from "../policy.ts";

export interface Opens {
  connections: number;
  /** Of processor time for one, the Node host's part included, which is most of it. */
  microseconds: number;
  /** In use after a tenth of them, and after the last: the allocator's own count. */
  bytesEarly: number;
  bytesLate: number;
  pagesEarly: number;
  pagesLate: number;
}

/** Opens, admits and closes so many connections one after the other, in a build that counts what it allocates. */
export function openAndClose(counting: WebAssembly.Module, connections: number): Opens {
  const host = new Host(counting);
  host.configure(pluginConfig("PEER"));
  const level = (): [number, number] => [host.global("live_bytes"), host.memoryPages];
  const { user, system } = process.cpuUsage();
  let [bytesEarly, pagesEarly] = level();
  for (let i = 1; i <= connections; i++) {
    Wire.connected(host).connection.close(i % 2 === 0 ? "client" : "server");
    if (i % 1000 === 0) {
      host.tick();
      host.logs.length = 0;
    }
    if (i === Math.ceil(connections / 10)) [bytesEarly, pagesEarly] = level();
  }
  const [bytesLate, pagesLate] = level();
  const took = process.cpuUsage();
  const microseconds = (took.user + took.system - user - system) / connections;
  return { connections, microseconds, bytesEarly, bytesLate, pagesEarly, pagesLate };
}

/** Bytes of records and names that may wait for the collector at either moment. */
const UNCOLLECTED = 65_536;

/** Whether anything that closed connections held is still there: what a tenth of them took must do for all. */
export function hasGrown({ bytesEarly, bytesLate, pagesEarly, pagesLate }: Opens): boolean {
  return bytesLate > bytesEarly + UNCOLLECTED || pagesLate > pagesEarly;
}
