import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { buildLongFilter } from "../../tools/wasm.ts";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import { Random } from "./random.ts";
import { assertSame, CONNECT, INFO, latin1, PING, PONG, Wire } from "./wire.ts";

/**
 * Compares the filter with a build of it without its short ways and without its memory of decisions (tools/without-short-ways.mjs).
 * The same actions must give the same bytes, counts and records.
 */

/** The filter without its short ways. */
export async function longFilterModule(): Promise<WebAssembly.Module> {
  return new WebAssembly.Module(readFileSync(await buildLongFilter()));
}

/** The same action on both, whose answers must be the same. */
export class Both {
  private readonly wires: [Wire, Wire];

  constructor(
    private readonly hosts: readonly [Host, Host],
    private readonly what: string,
  ) {
    this.wires = [new Wire(hosts[0]), new Wire(hosts[1])];
  }

  private same(act: (wire: Wire) => string): string {
    const [short, long] = this.wires.map(act) as [string, string];
    assertSame(short, long, this.what);
    return short;
  }

  /** What goes to nats-server, in pieces. */
  client(text: string, random: Random): string {
    return this.pieces(text, random, (piece) => this.same((wire) => wire.client(piece)));
  }

  server(text: string, random: Random): void {
    this.pieces(text, random, (piece) => this.same((wire) => wire.server(piece)));
  }

  /** A connection whose INFO and CONNECT have passed. */
  static connected(hosts: readonly [Host, Host], what: string, connect = CONNECT): Both {
    const both = new Both(hosts, what);
    both.serverAtOnce(INFO);
    both.clientAtOnce(connect);
    return both;
  }

  /** In one piece. */
  clientAtOnce(text: string): string {
    return this.same((wire) => wire.client(text));
  }

  serverAtOnce(text: string): void {
    this.same((wire) => wire.server(text));
  }

  private pieces(text: string, random: Random, send: (piece: string) => string): string {
    const most = random.pick([9, 200, 3000, 100_000, 100_000]);
    return random
      .cut(text, most)
      .map((piece) => send(piece))
      .join("");
  }

  tick(): void {
    for (const host of this.hosts) {
      host.advance(500);
      host.tick();
    }
    this.same((wire) => latin1(wire.connection.takeToServer()));
  }

  configure(policy: object): void {
    const [short, long] = this.hosts.map((host) => host.configure(policy).accepted);
    assert.equal(short, long, this.what);
  }

  end(): void {
    for (const wire of this.wires) wire.connection.close("client");
    this.tick();
    const [short, long] = this.hosts;
    assert.deepEqual([...short.metrics], [...long.metrics], this.what);
    assert.deepEqual([...short.histograms], [...long.histograms], this.what);
    assert.deepEqual(short.logs, long.logs, this.what);
    for (const host of this.hosts) host.logs.length = 0;
  }
}

/** `verb`, the arguments except for the size, that size, and that many bytes. */
export function sized(verb: string, names: string, size: string, lineEnd = "\r\n"): string {
  return `${verb} ${names} ${size}${lineEnd}${"p".repeat(Number(size))}\r\n`;
}

/** One filter with the short ways, and one without, which is `long`. */
export function hostsUnder(policy: object, long: WebAssembly.Module): [Host, Host] {
  const hosts: [Host, Host] = [new Host(filterModule()), new Host(long)];
  for (const host of hosts) assert.ok(host.configure(policy).accepted);
  return hosts;
}

/** PONGs for the PINGs that nats-server has read. A payload may contain text that only looks like a PING. */
export function pongsFor(forwarded: string): string {
  return PONG.repeat(forwarded.split(PING).length - 1);
}
