import { Host } from "../../test/host/host.ts";
import { microsecondsOf } from "./processor-time.ts";
import { Wire } from "../../test/host/wire.ts";

export interface Opens {
  connections: number;
  /** Processor time for one connection. Most of it is the Node host's part. */
  microseconds: number;
  /** Bytes in use after a tenth of the connections and after the last, as the allocator counts them. */
  bytesEarly: number;
  bytesLate: number;
  pagesEarly: number;
  pagesLate: number;
}

/** Connections beforehand. The collector first runs after 2,300, so until then each looks as if it held memory for ever. */
const SETTLING = 5000;

/** Opens, admits and closes this many connections one after the other, in a build that counts what it allocates. */
export function openAndClose(counting: WebAssembly.Module, connections: number, policy: object): Opens {
  const host = new Host(counting);
  host.configure(policy);
  const level = (): [number, number] => [host.global("live_bytes"), host.memoryPages];
  const open = (count: number): void => {
    for (let i = 1; i <= count; i++) {
      Wire.connected(host).connection.close(i % 2 === 0 ? "client" : "server");
      if (i % 1000 === 0) {
        host.tick();
        host.logs.length = 0;
      }
    }
  };
  const tenth = Math.ceil(connections / 10);
  open(SETTLING);
  const first = microsecondsOf(() => open(tenth));
  const [bytesEarly, pagesEarly] = level();
  const took = first + microsecondsOf(() => open(connections - tenth));
  const [bytesLate, pagesLate] = level();
  return { connections, microseconds: took / connections, bytesEarly, bytesLate, pagesEarly, pagesLate };
}

/** Bytes of records and names that may be waiting for the collector at either moment. */
const UNCOLLECTED = 65_536;

/** Whether closed connections still hold memory: what a tenth of them took must be enough for all. */
export function hasGrown({ bytesEarly, bytesLate, pagesEarly, pagesLate }: Opens): boolean {
  return bytesLate > bytesEarly + UNCOLLECTED || pagesLate > pagesEarly;
}
