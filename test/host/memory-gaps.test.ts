import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { configure } from "./configure.ts";
import type { Host } from "./host.ts";
import { wornHost } from "./memory.ts";
import { auditOf, configuredHost, hpub, msg, PEER, policy, pub, stat, Wire } from "./wire.ts";

const EVIL = "spiffe://cluster.local/ns/shop/sa/evil";
const OTHER = "spiffe://cluster.local/ns/shop/sa/other";
const MIB = 1 << 20;
/** Linear memory ends at twice this and a little, since it grows by doubling, from a size that a policy of 300 KiB gives it. */
const MEMORY = 112 * MIB;
/** A budget beside which other policies take nearly all of linear memory (`scarceHost`). */
const SCARCE = 10 * MIB;
/** What one connection may do with either budget. */
const LIMITS = { controlLine: 65_536, headers: 65_536, subscriptions: 1 << 20 };
const LONG = "x".repeat(65_000);
const HEADERS = "NATS/1.0\r\n\r\n";

function open(host: Host, peer: string): Wire {
  return Wire.connected(host, { peer });
}

function scarceHost(mode: "ENFORCE" | "DRY_RUN" = "ENFORCE"): Host {
  const host = wornHost(SCARCE);
  const rule = { subscribe: { allow: ["ok.>"] }, allow_responses: {} };
  configure(host, policy({ mode, rule, limits: { ...LIMITS, memory: SCARCE }, telemetry: { requests: 0 } }));
  return host;
}

/** A workload takes gaps that are there already, of up to 96 bytes, so that what is as small comes to lie between larger blocks. */
function fillSmallGaps(host: Host): Wire {
  const wire = open(host, EVIL);
  for (let i = 0; i < 6000; i++) wire.client(`SUB ok.${LONG.slice(0, 40)} small${i}\r\n`);
  return wire;
}

/** It asks itself for a reply, which it may send then. */
function ask(wire: Wire, reply: string): void {
  wire.server(msg("ok.ask", "ask", "", reply));
}

/** How many connections did not get what they asked for. */
function refused(host: Host): number {
  return stat(host, "istio_nats_protocol_errors_total", { kind: "memory" });
}

/** Connections of it take all that is left but gaps, until the last one gets none. */
function takeRest(host: Host): void {
  const before = refused(host);
  for (let i = 0; i < 200 && refused(host) === before; i++)
    open(host, EVIL).client(`SUB ok.${LONG.slice(0, 64_800)} 1\r\n`);
  assert.ok(refused(host) > before);
}

/** So much time passes that subscriptions that have ended are forgotten. */
function forgetEnded(host: Host): void {
  for (let i = 0; i < 3; i++) {
    host.advance(11_000);
    host.tick();
  }
}

/** Subscribes on these connections in turn, so often that it takes this share of the budget. Returns how often. */
function subscribeShare(wires: Wire[], share: number): number {
  const count = Math.floor((SCARCE * share) / 1000);
  for (let sid = 0; sid < count; sid++) wires[sid % wires.length]!.client(`SUB ok.${LONG.slice(0, 920)} ${sid}\r\n`);
  return count;
}

/** Ends every second one of so many, which are forgotten. */
function endEverySecond(host: Host, wires: Wire[], count: number): void {
  for (let sid = 0; sid < count; sid++) {
    if (sid % (2 * wires.length) < wires.length) wires[sid % wires.length]!.client(`UNSUB ${sid}\r\n`);
  }
  forgetEnded(host);
}

/** Subscribes with as long subjects as make so many bytes, on all connections in turn, until 87 % of the budget are in use. */
function subscribeUntilFull(host: Host, wires: Wire[], bytes: number, firstSid: number): [Wire, number][] {
  const made: [Wire, number][] = [];
  const atOnce = Math.floor(MEMORY / 40 / bytes);
  while (stat(host, "istio_nats_memory_bytes") < MEMORY * 0.87) {
    for (let i = 0; i < atOnce; i++) {
      const wire = wires[made.length % wires.length]!;
      const sid = firstSid + made.length;
      wire.client(`SUB ok.${LONG.slice(0, bytes - 80)} ${sid}\r\n`);
      made.push([wire, sid]);
    }
  }
  return made;
}

/** Another sends messages with headers of as many bytes, of which the beginning must be kept until the rest comes. */
function sendHeaders(host: Host, sizes: number[]): void {
  for (const size of sizes) {
    const headers = `NATS/1.0\r\nK: ${LONG.slice(0, size)}\r\n\r\n`;
    const text = hpub("ok.1", headers, HEADERS);
    const other = open(host, OTHER);
    assert.equal(other.client(text.slice(0, size)) + other.client(text.slice(size)), text, `headers of ${size} bytes`);
  }
}

/** Of these workloads, and of no others, connections have ended for want of memory, or pass unread. Returns the records of that. */
function assertEnded(host: Host, ...principals: string[]): Record<string, unknown>[] {
  const ended = auditOf(host).filter(({ event, kind }) => String(event).startsWith("unreadable") && kind === "memory");
  assert.deepEqual(new Set(ended.map((record) => record["source_principal"])), new Set(principals));
  return ended;
}

/** Those that ended for want of memory are all of the workload that leaves gaps, and that is told. */
function assertEndedAlone(host: Host): void {
  const ended = assertEnded(host, EVIL);
  for (const { remedy } of ended) assert.match(String(remedy), /left in gaps that are too small/);
}

describe("limits.memory, the budget of a VM, of which linear memory cannot grow any more,", () => {
  it("is given back by the workload that leaves gaps too small for others, before these ask, and by no others", () => {
    const old = Array.from({ length: 6000 }, (_, i) => `old.${i}.${"y".repeat(40)}`);
    const host = configuredHost({
      rule: { publish: { allow: ["ok.>", ...old] } },
      limits: { ...LIMITS, memory: MEMORY },
    });
    const honest = open(host, PEER);
    for (let i = 0; i < 5000; i++) honest.client(`SUB ok.${i} ${i}\r\n`);
    const evil = Array.from({ length: 17 }, () => open(host, EVIL));
    let sid = 0;
    // Every fourth stays, so that there are gaps for three, and the next ones are four times as large.
    for (let bytes = 1000; bytes <= 16_000; bytes *= 4) {
      const made = subscribeUntilFull(host, evil, bytes, sid);
      sid += made.length;
      for (const [i, [wire, its]] of made.entries()) if (i % 4 > 0) wire.client(`UNSUB ${its}\r\n`);
      // Those that have ended are forgotten after a while.
      for (let i = 0; i < 3; i++) {
        host.advance(11_000);
        host.tick();
      }
    }
    const pages = host.memoryPages;
    // The rest of linear memory, by connections that lose nothing where the last of them gets none.
    let closed = 0;
    for (let i = 0; i < 320 && closed === 0; i++) {
      open(host, EVIL).client(`SUB ok.${LONG.slice(0, 64_800)} 1\r\n`);
      closed = stat(host, "istio_nats_protocol_errors_total", { kind: "memory" });
    }
    assert.ok(closed > 0);
    assert.equal(host.memoryPages, pages);
    assert.ok(stat(host, "istio_nats_memory_bytes") < MEMORY * 0.9);
    sendHeaders(host, [4000, 9000, 17_000, 33_000, 60_000]);
    assertEndedAlone(host);
    assert.equal(honest.connection.closed, false);
  });

  it("is given back by it where policies take so much of linear memory that gaps cannot be half of the budget", () => {
    const host = scarceHost();
    const pages = host.memoryPages;
    const evil = Array.from({ length: 12 }, () => open(host, EVIL));
    // Nine tenths of it, of which every second one stays.
    endEverySecond(host, evil, subscribeShare(evil, 0.87));
    takeRest(host);
    assert.ok(stat(host, "istio_nats_memory_bytes") < SCARCE * 0.9);
    sendHeaders(host, [1500, 4000, 17_000, 60_000]);
    assert.equal(host.memoryPages, pages);
    assertEndedAlone(host);
  });

  it("is given back before it is used up, though nobody left gaps enough to give back anything just before", () => {
    const host = scarceHost();
    const honest = Array.from({ length: 30 }, () => open(host, PEER));
    for (const wire of honest) wire.client("SUB ok.1 1\r\n");
    // Half of what either of two workloads holds is less than half of the budget.
    const evil = Array.from({ length: 24 }, (_, i) => open(host, `${EVIL}-${i % 2}`));
    let sid = 0;
    const subscribe = (bytes: number): string => evil[sid % 24]!.client(`SUB ok.${LONG.slice(0, bytes)} ${++sid}\r\n`);
    while (stat(host, "istio_nats_memory_bytes") < SCARCE * 0.85) for (let i = 0; i < 24; i++) subscribe(1000);
    // They take the rest before the next tick.
    for (let i = 0; i < 6000; i++) {
      subscribe(500);
      const sub = `SUB ok.${LONG.slice(0, 100)} a${i}\r\n`;
      if (i % 7 === 0) assert.equal(honest[i % 30]!.client(sub), sub, `after ${i} of theirs`);
    }
    assertEnded(host, `${EVIL}-0`, `${EVIL}-1`);
  });

  it("has room for others once that workload has gone, though ticks have left what the collector keeps between its gaps", () => {
    const host = scarceHost();
    const evil = Array.from({ length: 9 }, () => open(host, EVIL));
    const late = Array.from({ length: 40 }, () => open(host, EVIL));
    let sid = 0;
    // Each look at the stat is behind a tick.
    while (stat(host, "istio_nats_memory_bytes") < SCARCE * 0.84) {
      for (let i = 0; i < 9; i++) evil[i]!.client(`SUB ok.${LONG.slice(0, 920)} ${++sid}\r\n`);
    }
    for (let i = 0; i < sid; i++) if (i % 18 >= 9) evil[i % 9]!.client(`UNSUB ${i + 1}\r\n`);
    for (const wire of late) wire.client(`SUB ok.${LONG.slice(0, 64_800)} 1\r\n`);
    sendHeaders(host, [4000, 9000, 17_000, 33_000, 60_000]);
    assertEnded(host, EVIL);
  });

  for (const [what, subscribers, mode] of [
    ["the replies that it may send", 0, "ENFORCE"],
    ["these replies and its subscriptions together", 14, "ENFORCE"],
    ["the replies that it might send if DRY_RUN were over", 0, "DRY_RUN"],
  ] as const) {
    it(`is given back by it, though gaps that are half of the budget are only behind ${what}`, () => {
      const host = scarceHost(mode);
      const pages = host.memoryPages;
      const evil = Array.from({ length: 28 }, () => open(host, EVIL));
      for (const wire of evil) wire.client("SUB ok.ask ask\r\n");
      const reply = (i: number): string => `reply.${i}.${LONG.slice(0, 900)}`;
      // Nine tenths of it, of which every second one is sent, or ends.
      for (let i = 0; i < 327; i++) {
        // What was made last before a gap has that behind it: half of the gaps the last connection's, the others the first one's.
        const order = i % 4 < 2 ? [...evil.entries()] : [...evil.entries()].reverse();
        for (const [of, wire] of order) {
          if (of < subscribers) wire.client(`SUB ok.${LONG.slice(0, 900)} ${i}\r\n`);
          else ask(wire, reply(i));
        }
      }
      for (let i = 0; i < 327; i += 2) {
        for (const [of, wire] of evil.entries()) wire.client(of < subscribers ? `UNSUB ${i}\r\n` : pub(reply(i)));
      }
      forgetEnded(host);
      takeRest(host);
      assert.ok(stat(host, "istio_nats_memory_bytes") < SCARCE * 0.9);
      sendHeaders(host, [4000, 9000, 17_000, 33_000, 60_000]);
      assert.equal(host.memoryPages, pages);
      assertEnded(host, EVIL);
    });
  }

  it("is not given back by forgetting replies that have hardly any gaps between them, since they count by half", () => {
    const host = scarceHost();
    const pages = host.memoryPages;
    // These take so much beside the budget that linear memory is full before nine tenths of that are in use.
    for (let i = 0; i < 700; i++) open(host, PEER);
    const fillers = Array.from({ length: 60 }, (_, i) => open(host, `${OTHER}-${i}`));
    const services = Array.from({ length: 22 }, () => open(host, PEER));
    const reply = (i: number): string => `reply.${i}.${LONG.slice(0, 900)}`;
    for (const wire of services) wire.client("SUB ok.ask ask\r\n");
    for (let i = 0; i < 300; i++) for (const wire of services) ask(wire, reply(i));
    assert.ok(stat(host, "istio_nats_memory_bytes") > SCARCE * 0.6);
    for (let i = 0; refused(host) === 0; i++) fillers[i]!.client(`SUB ok.${LONG.slice(0, 64_800)} 1\r\n`);
    const held = stat(host, "istio_nats_memory_bytes");
    host.tick();
    assert.ok(held < SCARCE * 0.87, `${held} bytes are held`);
    for (const wire of services) assert.equal(wire.client(pub(reply(0))), pub(reply(0)));
    assert.equal(host.memoryPages, pages);
  });

  it("has room for others once that workload has gone, though blocks of its replies were kept between its gaps", () => {
    const host = scarceHost();
    const small = fillSmallGaps(host);
    const service = open(host, EVIL);
    service.client("SUB ok.ask ask\r\n");
    const evil = Array.from({ length: 12 }, () => open(host, EVIL));
    for (let i = 0; i < 1000; i++) {
      evil[i % 12]!.client(`SUB ok.${LONG.slice(0, 7800)} ${i}\r\n`);
      ask(service, `reply.${i}`);
    }
    for (let i = 0; i < 1000; i++) service.client(pub(`reply.${i}`));
    for (const wire of [small, service, ...evil]) wire.connection.close("client");
    host.advance(2000);
    takeRest(host);
    sendHeaders(host, [17_000, 33_000, 60_000]);
    assertEnded(host, EVIL);
  });

  it("is given back again once gaps are too small again, though what was kept was enough just before", () => {
    const host = scarceHost();
    fillSmallGaps(host);
    const evil = Array.from({ length: 24 }, () => open(host, EVIL));
    const fillers = Array.from({ length: 60 }, () => open(host, EVIL));
    const [service, gone] = [open(host, EVIL), open(host, EVIL)];
    const count = subscribeShare(evil, 0.66);
    service.client("SUB ok.ask ask\r\n");
    for (let i = 0; i < 480; i++) {
      // The first ones take what small gaps are left.
      if (i >= 400) gone.client(`SUB ok.${LONG.slice(0, 7800)} ${i}\r\n`);
      ask(service, `reply.${i}`);
    }
    for (let i = 0; i < 480; i++) service.client(pub(`reply.${i}`));
    gone.connection.close("client");
    endEverySecond(host, evil, count);
    let sid = 0;
    const subscribe = (): unknown => fillers[sid % 60]!.client(`SUB ok.${LONG.slice(0, 64_800)} ${++sid}\r\n`);
    // What looks for gaps turns the host to some other context.
    host.resetCounts();
    while (host.counts["proxy_set_effective_context"] === 0) subscribe();
    assert.deepEqual(
      auditOf(host).filter(({ event }) => event === "unreadable"),
      [],
    );
    // Before the next tick they take what has become free, and give back as much.
    for (let i = 0; i < 10; i++) {
      evil[i]!.connection.close("client");
      for (let k = 0; k < 2; k++) subscribe();
      sendHeaders(host, [17_000, 60_000]);
    }
    assertEnded(host, EVIL);
  });
});
