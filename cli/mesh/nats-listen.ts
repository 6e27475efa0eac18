import { getOrMake } from "../get-or-make.ts";
import type { ConfEntry } from "./nats-conf.ts";

/** An address that only the pod's own processes reach, with a port or without. */
export const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)(?::\d+)?$/i;

/**
 * nats-server's own addresses stand at the top level and in these blocks (nats-server `server/opts.go`), each here with the port under
 * which OTHER_PORTS (nats-ports.ts) describes its use.
 */
export const BLOCKS: ReadonlyMap<string, number> = new Map([
  ["cluster", 6222],
  ["gateway", 7222],
  ["leafnodes", 7422],
  ["leaf", 7422],
  ["websocket", 8080],
  ["ws", 8080],
  ["mqtt", 1883],
]);

const EVERYWHERE = new Set(["", "0.0.0.0", "::"]);

/** What entries of one block say, each under what it says it about: two that differ exclude each other. */
function saidBy({ path, value = "" }: ConfEntry): [about: "host" | "port", said: string][] {
  switch (path.at(-1)) {
    case "host":
    case "net":
      return [["host", addressOf(value)]];
    case "port":
      return [["port", value]];
    case "listen": {
      const [, host = "", port = ""] = /^(?:(.*):)?([^:]*)$/.exec(value) ?? [];
      return [
        ["host", addressOf(host)],
        ["port", port],
      ];
    }
    default:
      return [];
  }
}

/** Of those that come to the same the same. */
function addressOf(host: string): string {
  const bare = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (EVERYWHERE.has(bare)) return "";
  return LOOPBACK.test(bare) ? "localhost" : bare;
}

/**
 * The entries of a block that say different things of where to listen. nats-server reads keys in the order of a Go map, so that
 * chance decides anew at each start; the same key twice is the later one.
 */
export function rivalAddresses(entries: readonly ConfEntry[]): ConfEntry[][] {
  const blocks = new Map<string, Map<string, ConfEntry>>();
  for (const entry of entries) {
    const key = entry.path.at(-1) ?? "";
    const block = entry.path.slice(0, -1).join(".");
    // What a variable stands for is not known.
    if (entry.value === undefined || entry.value.includes("$") || !(block === "" || BLOCKS.has(block))) continue;
    if (saidBy(entry).length > 0) getOrMake(blocks, block, () => new Map<string, ConfEntry>()).set(key, entry);
  }
  return [...blocks.values()].flatMap((block) => {
    const first = new Map<string, { said: string; entry: ConfEntry }>();
    for (const entry of block.values())
      for (const [about, said] of saidBy(entry)) {
        const other = getOrMake(first, about, () => ({ said, entry }));
        if (other.said !== said) return [[other.entry, entry]];
      }
    return [];
  });
}
