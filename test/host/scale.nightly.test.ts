import assert from "node:assert/strict";
import { before, describe, it, type TestContext } from "node:test";
import { countingModule, filterModule } from "./filter.ts";
import { Host, SharedData } from "./host.ts";
import { istioJson } from "./istio-json.ts";
import { CONNECT, INFO, msg, PING, policy, PONG, pub, publishViolation, stat, Wire, type Policy } from "./wire.ts";

const PAGE = 65_536;
/**
 * What 10,000 connections fit into according to docs/how-to/size-the-proxy.md: 12.5 MiB, which is the 50 pages of asconfig.json doubled
 * twice.
 */
const PAGES_FOR_10_000 = 200;

describe("memory of connections, each allocation counted", () => {
  let module: WebAssembly.Module;
  before(async () => {
    module = await countingModule();
  });

  function counting(config: Policy = {}): Host {
    const host = new Host(module);
    assert.ok(host.configure(policy(config)).accepted);
    return host;
  }

  /** Bytes in use, to compare with a former value. The collector leaves a little of what it could free. */
  const live = (host: Host): number => host.global("live_bytes");

  function connected(host: Host, count: number): Wire[] {
    return Array.from({ length: count }, () => Wire.connected(host));
  }

  /** After `settled` calls of `step`, at most a page more may be in use, and the linear memory may not have grown. */
  function assertKeepsLevel(host: Host, times: number, settled: number, step: (i: number) => void): void {
    let start = { live: 0, pages: 0 };
    for (let i = 0; i < times; i++) {
      step(i);
      if (i % 1000 === 0) {
        host.tick();
        host.logs.length = 0;
      }
      if (i === settled) start = { live: live(host), pages: host.memoryPages };
    }
    assert.ok(live(host) <= start.live + PAGE, `${live(host)} bytes in use, ${start.live} before`);
    assert.equal(host.memoryPages, start.pages);
  }

  it("is at most 1 KiB for each idle one beyond the first", (t: TestContext) => {
    const host = counting();
    Wire.connected(host);
    const start = { live: live(host), pages: host.memoryPages };
    const COUNT = 10_000;
    connected(host, COUNT);
    const each = { live: (live(host) - start.live) / COUNT, grown: ((host.memoryPages - start.pages) * PAGE) / COUNT };
    t.diagnostic(`${each.live.toFixed(0)} bytes each, ${host.memoryPages} pages with ${COUNT}`);
    assert.ok(each.live <= 1024 && each.grown <= 1024, JSON.stringify(each));
    assert.ok(host.memoryPages <= PAGES_FOR_10_000, `${host.memoryPages} pages`);
  });

  it("keeps its level while `identity` changes back and forth under an open connection", (t: TestContext) => {
    const host = new Host(module, {
      properties: { "xds.node.metadata.NAMESPACE": "shop", "xds.node.metadata.SERVICE_ACCOUNT": "a" },
    });
    const identities = ["PEER", "WORKLOAD"];
    const change = (i: number): void => {
      const { root, accepted } = host.configure({ ...policy(), identity: identities[i % 2] });
      assert.ok(accepted);
      host.advance(500);
      host.tick();
      host.advance(500);
      host.tick();
      if (i > 0) host.deleteRoot(root);
    };
    change(0);
    const wire = Wire.connected(host);
    const levels: number[] = [];
    for (let i = 1; i <= 60; i++) {
      change(i);
      if (i % 20 === 0) levels.push(live(host));
    }
    assert.equal(wire.connection.closed, false);
    t.diagnostic(`${levels.join(", ")} bytes in use`);
    assert.ok(Math.max(...levels.slice(1)) <= levels[0]! + 8192, levels.join(", "));
  });

  it("keeps its level while a policy and its trial change hundreds of times, each compiled for a connection", (t: TestContext) => {
    const host = new Host(module);
    const change = (i: number): void => {
      const rules = ["ENFORCE", "DRY_RUN"].map((mode) => ({
        name: mode,
        mode,
        from: [{ principals: ["cluster.local/ns/shop/sa/orders-api"] }],
        publish: { allow: ["ok.>"], deny: [`ok.${i % 2}`] },
        subscribe: { allow: ["ok.> queue"], deny: ["ok.secret"] },
        allow_responses: true,
      }));
      const telemetry = { subjects: [{ name: "ok", patterns: ["ok.*"] }] };
      const { root, accepted } = host.configure({ ...policy(), telemetry, rules });
      assert.ok(accepted, JSON.stringify(host.logs.at(-1)));
      const wire = Wire.connected(host);
      assert.equal(wire.client(pub(`ok.${(i + 1) % 2}`, "x")), pub(`ok.${(i + 1) % 2}`, "x"));
      wire.connection.close("client");
      host.tick();
      host.deleteRoot(root);
    };
    const levels: number[] = [];
    for (let i = 1; i <= 800; i++) {
      change(i);
      if (i % 200 === 0) levels.push(live(host));
    }
    t.diagnostic(`${levels.join(", ")} bytes in use`);
    assert.ok(Math.max(...levels.slice(1)) <= levels[0]! + 4096, levels.join(", "));
  });

  it("is also at most 1 KiB with a subscription", (t: TestContext) => {
    const host = counting();
    Wire.connected(host).client("SUB ok.1 1\r\n");
    const start = live(host);
    const COUNT = 10_000;
    for (const wire of connected(host, COUNT)) wire.client("SUB ok.1 1\r\n");
    const each = (live(host) - start) / COUNT;
    t.diagnostic(`${each.toFixed(0)} bytes each`);
    assert.ok(each <= 1024, `${each} bytes`);
    // AssemblyScript's allocator doubles the linear memory when it has to grow.
    assert.ok(host.memoryPages * PAGE <= 2 * live(host), `${host.memoryPages} pages`);
  });

  it("is also at most 1 KiB if each has a principal of its own", (t: TestContext) => {
    const host = counting();
    const connectAs = (i: number): void => {
      const wire = new Wire(host, `spiffe://cluster.local/ns/team-${i % 100}/sa/account-${i}`);
      wire.server(INFO);
      wire.client(CONNECT);
    };
    connectAs(0);
    const start = live(host);
    const COUNT = 10_000;
    let peak = start;
    for (let i = 1; i <= COUNT; i++) {
      connectAs(i);
      peak = Math.max(peak, live(host));
    }
    const each = (live(host) - start) / COUNT;
    t.diagnostic(`${each.toFixed(0)} bytes each, ${host.memoryPages} pages, at most ${peak} bytes in use`);
    assert.ok(each <= 1024, `${each} bytes`);
    // AssemblyScript's allocator doubles the linear memory when it has to grow. It has to grow only when eight ninths are in use: a
    // ninth is then too small for the table that grows, because the old table still exists beside it.
    assert.ok(host.memoryPages * PAGE <= 2.25 * peak, `${host.memoryPages} pages, ${peak} bytes`);
    assert.ok(host.memoryPages <= PAGES_FOR_10_000, `${host.memoryPages} pages, ${peak} bytes`);
  });

  it("returns to its plateau while the load of 10,000 connections rises and falls", () => {
    const host = counting({ rule: { subscribe: { allow: ["ok.>"], deny: ["ok.secret"] } } });
    let wires: Wire[] = [];
    const waves: { low: number; high: number; pages: number }[] = [];
    for (let wave = 0; wave < 12; wave++) {
      wires.push(...connected(host, 10_000 - wires.length));
      for (const [i, wire] of wires.entries()) {
        wire.client(`SUB ok.* ${i % 9}\r\n${pub("no.1")}${pub("ok.1", "x")}PUB ok.1 5\r\nab`);
        wire.server(`${PONG}${msg("ok.a", `${i % 9}`, "x")}`);
        wire.client("cde\r\n");
      }
      host.tick();
      host.logs.length = 0;
      const high = live(host);
      // What stays lies scattered among what goes.
      const stays = (_: Wire, i: number): boolean => i % 10 === wave % 10;
      const going = wires.filter((wire, i) => !stays(wire, i));
      wires = wires.filter(stays);
      for (const wire of going) wire.connection.close("client");
      host.tick();
      waves.push({ low: live(host), high, pages: host.memoryPages });
    }
    // By the third wave, the tables that all connections share have their final sizes. What the collector has yet to free counts as
    // in use, and the collector does not work in step with the waves. So five waves are compared with the next five.
    const most = (some: typeof waves, key: "low" | "high" | "pages"): number =>
      Math.max(...some.map((wave) => wave[key]));
    for (const key of ["low", "high", "pages"] as const) {
      const [early, late] = [most(waves.slice(2, 7), key), most(waves.slice(7), key)];
      assert.ok(late <= early * (key === "pages" ? 1 : 1.01), `${key}: ${JSON.stringify(waves)}`);
    }
  });

  it("is given back: 200,000 that open and close do not change it", () => {
    const host = counting();
    const COUNT = 200_000;
    assertKeepsLevel(host, COUNT, 20_000, (i) =>
      Wire.connected(host).connection.close(i % 2 === 0 ? "client" : "server"),
    );
    assert.equal(stat(host, "istio_nats_connections_opened_total", { verdict: "allowed" }), COUNT);
    assert.equal(stat(host, "istio_nats_connections_closed_total"), COUNT);
  });

  it("is given back if a host announces each of them twice", () => {
    const host = counting();
    assertKeepsLevel(host, 5000, 1000, () => {
      const wire = Wire.connected(host);
      host.announceAgain(wire.connection);
      assert.equal(wire.client(pub("ok.1", "x")), pub("ok.1", "x"));
      wire.connection.close();
    });
  });

  it("is given back after traffic, even by those that are reset inside a frame", () => {
    const rule = { subscribe: { allow: ["ok.>"], deny: ["ok.secret"] }, allow_responses: { max: 3, expires: "1m" } };
    const host = counting({ rule });
    assertKeepsLevel(host, 50_000, 10_000, (i) => {
      const wire = Wire.connected(host);
      wire.client(`SUB ok.* 1\r\nSUB ok.a 2\r\nUNSUB 2 1\r\n${pub("no.1")}${pub("ok.1", "x")}${PING}PUB ok.1 5\r\nab`);
      wire.server(PONG + msg("ok.a", "1", "x", "r.1") + msg("ok.a", "2", "x") + "MSG ok.b 1 5\r\nab");
      if (i % 2 === 0) wire.client("cde\r\n", true);
      wire.connection.close("client");
    });
  });

  it("is given back by connections that never say anything, and by those that are refused", () => {
    const host = counting();
    assertKeepsLevel(host, 50_000, 10_000, () => {
      const silent = new Wire(host);
      silent.server(INFO);
      silent.connection.close("server");
      const refused = new Wire(host, null);
      refused.server(INFO);
      refused.client(CONNECT);
      refused.connection.close("client");
    });
  });

  it("does not grow with the number of principals that have come and gone", () => {
    const host = counting();
    let pages = 0;
    for (let i = 0; i < 60_000; i++) {
      const wire = new Wire(host, `spiffe://cluster.local/ns/n${i}/sa/account-${i}`);
      wire.server(INFO);
      wire.client(CONNECT + pub("ok.1") + pub("no.1"));
      wire.connection.close("client");
      if (i % 1000 === 0) host.logs.length = 0;
      if (i === 30_000) pages = host.memoryPages;
    }
    // The memory of principals is reset now and then, so the level swings a little.
    assert.ok(host.memoryPages <= pages * 1.1, `${host.memoryPages} pages after ${pages}`);
  });
});

describe("a policy of 10,000 rules and a mebibyte", () => {
  const COUNT = 10_000;
  const MOST = 32 * 1024 * 1024;

  /** The filter as it is released, except that it counts what it allocates, which takes no memory. */
  let counting: WebAssembly.Module;
  before(async () => {
    counting = await countingModule();
  });

  /** For the pages on performance: the linear memory, and the most that was ever in use of it, also after the last allocation. */
  function memoryOf(host: Host): string {
    const most = Math.max(host.global("most_live_bytes"), host.global("live_bytes"));
    return `${host.memoryPages} pages, at most ${(most / 2 ** 20).toFixed(1)} MiB in use`;
  }

  /** Every rule matches the peer, and each policy has subjects of its own. */
  function policyOf(count: number, number: number): string {
    const rules = Array.from({ length: count }, (_, i) => ({
      name: `rule-${i}`,
      from: [{ principals: ["*"] }],
      publish: { allow: [`team${number}.${i}.>`], deny: [`*.${i}.x`] },
    }));
    return istioJson({ trustDomains: ["cluster.local"], rules });
  }

  function largePolicy(number: number): string {
    const text = policyOf(COUNT, number);
    assert.ok(text.length > 1024 * 1024, `${text.length} bytes`);
    return text;
  }

  /** The memory of decisions, for whole subjects and for leading tokens, has room for each entry twice over. It grows on demand. */
  function fillTables(wire: Wire, number: number, count = COUNT): void {
    const STEP = 500;
    for (let round = 0; round < 4; round++) {
      for (let first = 0; first < 60_000; first += STEP) {
        const numbers = Array.from({ length: STEP }, (_, k) => first + k);
        const allowed = numbers.map((n) => pub(`team${number}.${n % count}.n${n}`)).join("");
        assert.equal(wire.client(allowed), allowed);
        assert.equal(wire.client(numbers.map((n) => pub(`no.z${n}.n`)).join("")), PING.repeat(STEP));
        wire.server(PONG.repeat(STEP));
      }
    }
  }

  it("is read as Istio writes it, with each > as an escape, in no more blocks than with > itself", () => {
    const blocksFor = (text: string): number => {
      const host = new Host(counting);
      assert.ok(host.configure(text).accepted);
      return host.global("allocations");
    };
    const text = largePolicy(1);
    const escapes = text.split("\\u003e").length - 1;
    assert.equal(escapes, COUNT);
    const blocks = blocksFor(text.replaceAll("\\u003e", ">"));
    assert.equal(blocksFor(text), blocks);
  });

  it("takes at most 32 MiB of a VM, with a connection that all of them match, even if everything is remembered", (t: TestContext) => {
    for (const module of [filterModule(), counting]) {
      const host = new Host(module);
      assert.ok(host.configure(largePolicy(1)).accepted);
      const wire = Wire.connected(host);
      assert.equal(wire.client(pub("team1.9999.y")), pub("team1.9999.y"));
      assert.equal(wire.client(pub("team1.9999.x")), PING);
      assert.ok(host.memoryPages * PAGE <= MOST, `${host.memoryPages} pages`);
      fillTables(wire, 1);
      assert.ok(host.memoryPages * PAGE <= MOST, `${host.memoryPages} pages with all tables full`);
      if (module === counting) t.diagnostic(`${memoryOf(host)}, with all tables full`);
    }
  });

  /**
   * Policies with this many rules replace each other under a connection that stays, and everything that can be remembered is. In
   * slices, they are read on the tick, because another VM has accepted each of them before.
   */
  function changeInTurn(module: WebAssembly.Module, counts: readonly number[], inSlices = false): Host {
    const shared = new SharedData();
    const judge = inSlices ? new Host(module, { shared }) : undefined;
    const host = new Host(module, { shared });
    assert.ok(host.configure(policyOf(counts[0]!, 0)).accepted);
    const stays = Wire.connected(host);
    const roots: number[] = [];
    for (const [number, count] of counts.entries()) {
      if (number > 0) {
        judge?.configure(policyOf(count, number));
        const { accepted, root } = host.configure(policyOf(count, number));
        assert.ok(accepted);
        roots.push(root);
        if (inSlices) {
          assert.equal(stays.client(pub(`team${number}.7.y`)), PING);
          assert.equal(stays.server(PONG), publishViolation(`team${number}.7.y`));
          host.tick();
        }
        const comes = Wire.connected(host);
        assert.equal(stays.client(pub(`team${number}.7.y`)), pub(`team${number}.7.y`));
        comes.connection.close("client");
        host.tick();
      }
      // The host keeps the root of the connection, and the newest one.
      while (roots.length > 1) host.deleteRoot(roots.shift()!);
      fillTables(stays, number, count);
      assert.ok(host.memoryPages * PAGE <= MOST, `${host.memoryPages} pages under policy ${number}`);
    }
    return host;
  }

  it("takes no more while others of its size replace it, again and again", (t: TestContext) => {
    const host = changeInTurn(counting, Array<number>(12).fill(COUNT));
    t.diagnostic(memoryOf(host));
    // Both are there at once, however briefly, which nobody sees between two callbacks.
    assert.ok(host.global("most_live_bytes") > host.global("live_bytes") + 2 ** 20);
  });

  it("takes no more while they do so in slices", (t: TestContext) => {
    t.diagnostic(`${changeInTurn(filterModule(), Array<number>(12).fill(COUNT), true).memoryPages} pages`);
  });

  it("takes no more if smaller ones came before it", (t: TestContext) => {
    for (const counts of [
      [5000, 9800, 9800, 9800],
      [7000, COUNT, COUNT],
      [10, 3000, 5000, 7000, 8500, COUNT, COUNT],
    ]) {
      t.diagnostic(`${changeInTurn(filterModule(), counts).memoryPages} pages`);
    }
  });

  it("takes at most 32 MiB of a VM though each of many principals that come and go has a rule of its own besides", () => {
    const everybody = { name: "everybody", from: [{ principals: ["*"] }] };
    const allow = Array.from({ length: 5000 }, (_, i) => `orders.${i}.>`);
    const own = Array.from({ length: 300 }, (_, i) => ({
      name: `own-${i}`,
      from: [{ principals: [`cluster.local/ns/shop/sa/app-${i}`] }],
      publish: { allow: [`own.${i}.>`] },
    }));
    const host = new Host(filterModule());
    const rules = [{ ...everybody, publish: { allow } }, ...own];
    assert.ok(host.configure(istioJson({ trustDomains: ["cluster.local"], rules })).accepted);
    for (let i = 0; i < own.length; i++) {
      const wire = Wire.connected(host, { peer: `spiffe://cluster.local/ns/shop/sa/app-${i}` });
      assert.equal(wire.client(pub(`own.${i}.a`)), pub(`own.${i}.a`));
      wire.connection.close("client");
      assert.ok(host.memoryPages * PAGE <= MOST, `${host.memoryPages} pages after ${i} principals`);
    }
  });

  it("gives its memory back when the next one replaces it, except for what a connection ends with", (t: TestContext) => {
    const host = new Host(counting);
    const levels: number[] = [];
    for (let number = 0; number < 6; number++) {
      const { root } = host.configure(largePolicy(number));
      Wire.connected(host).connection.close("client");
      host.tick();
      levels.push(host.global("live_bytes"));
      host.deleteRoot(root);
    }
    t.diagnostic(`${levels.join(", ")} bytes in use`);
    assert.ok(Math.max(...levels.slice(1)) <= levels[1]! + PAGE, levels.join(", "));
  });
});
