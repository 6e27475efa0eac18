import assert from "node:assert/strict";
import { before, describe, it, type TestContext } from "node:test";
import { assertOnly, CHANGE_KEY, envelope, HURRIED, KEY, TICK } from "./changing-policy.ts";
import { countingModule, filterModule } from "./filter.ts";
import { Host, SharedData } from "./host.ts";
import { istioJson } from "./istio-json.ts";
import { Random } from "./random.ts";
import { CONNECT, pub, stat, Wire } from "./wire.ts";

const PAGE = 65_536;
/** Ten clock reads make a slice, and there is a clock read for each 16 KiB that is read. */
const CLOCK_STEP = 1_000_000n;
const SLICE_BYTES = 10 * 16 * 1024;

/**
 * A policy that allows everybody to publish below that token, and has this many rules of some 150 bytes that allow nothing to
 * anybody.
 */
function only(token: string, rules: number, more: object = {}): string {
  const others = Array.from({ length: rules }, (_, i) => ({
    name: `${token}-app-${i}`,
    from: [{ serviceAccounts: [`team-${i % 100}/app-${i}`] }],
    publish: { allow: [`orders.${i}.created.>`], deny: [`orders.${i}.created.internal`] },
  }));
  const everybody = { name: "everybody", from: [{ principals: ["*"] }], publish: { allow: [`${token}.>`] } };
  return istioJson({ trustDomains: ["cluster.local"], rules: [...others, everybody], ...more });
}

const SMALL = only("small", 1);
/** Some 460 KiB, which is three slices. */
const LARGE = only("large", 3000);

function vm(shared: SharedData, module = filterModule()): Host {
  return new Host(module, { shared, clockStep: CLOCK_STEP });
}

function tick(host: Host, milliseconds = HURRIED): void {
  host.advance(milliseconds);
  host.tick();
}

/** Ticks until the policy in hand has been read. Returns how many that took. */
function readOn(host: Host): number {
  let ticks = 0;
  for (; host.shortestTickPeriod === HURRIED; ticks++) {
    assert.ok(ticks < 100, "it is never read to its end");
    tick(host);
  }
  return ticks;
}

/**
 * A client that is judged by that policy alone, and goes. Its stats are defined meanwhile, in no time, so that if the next tick is
 * followed by a hurried one, that is because of the policy.
 */
function visit(host: Host, token: string, others: string[]): void {
  const wire = Wire.connected(host);
  assertOnly(wire, token, others);
  host.clockStep = 0n;
  wire.connection.close();
  host.clockStep = CLOCK_STEP;
}

/** The VM of a main thread, which judges a policy first, and a worker's VM with a connection. Both have the small policy. */
function proxy(): { main: Host; worker: Host; wire: Wire; shared: SharedData } {
  const shared = new SharedData();
  const [main, worker] = [vm(shared), vm(shared)];
  for (const host of [main, worker]) assert.ok(host.configure(SMALL).accepted);
  return { main, worker, wire: Wire.connected(worker), shared };
}

describe("a long policy that another VM of the proxy has accepted", () => {
  it("is read to its end for its plugin's first client, who is not judged by the policy of another plugin of the VM", () => {
    const shared = new SharedData();
    const [main, worker] = [vm(shared), vm(shared)];
    assert.ok(worker.configure(SMALL, "another").accepted);
    for (const host of [main, worker]) assert.ok(host.configure(LARGE).accepted);
    assertOnly(Wire.connected(worker), "large", ["small"]);
  });

  it("is read in slices, and the former one stays in force meanwhile", () => {
    const { main, worker, wire } = proxy();
    // Has the stats defined of what is asked below. The clock goes on meanwhile, and who sends next would read a slice as well.
    assertOnly(wire, "small", ["large"]);
    do tick(worker, TICK);
    while (worker.shortestTickPeriod !== TICK);
    assert.ok(main.configure(LARGE).accepted);
    assert.ok(worker.configure(LARGE).accepted);
    const comes = Wire.connected(worker);
    for (const connection of [wire, comes]) assertOnly(connection, "small", ["large"]);
    const least = Math.ceil(LARGE.length / SLICE_BYTES);
    assert.ok(least > 2);
    for (let i = 1; i < least; i++) {
      tick(worker);
      for (const connection of [wire, comes]) assertOnly(connection, "small", ["large"]);
    }
    const ticks = readOn(worker);
    assert.ok(ticks <= 2, `${ticks} ticks more than ${least - 1}`);
    assert.equal(worker.shortestTickPeriod, TICK);
    for (const connection of [wire, comes, Wire.connected(worker)]) assertOnly(connection, "large", ["small"]);
    assert.equal(stat(worker, "istio_nats_policy_changes_total"), 1);
  });

  it("has its trust domains applied in slices too, which its principals are compared with when all is read", () => {
    const trustDomains = Array.from({ length: 64 }, (_, i) => `d${i}.example`);
    const rules = Array.from({ length: 1000 }, (_, i) => ({
      name: `app-${i}`,
      from: [{ principals: [`d63.example/ns/team/sa/app-${i}`, `d63.example/ns/team/sa/other-${i}`] }],
      publish: { allow: [`orders.${i}.>`] },
    }));
    const everybody = { name: "everybody", from: [{ principals: ["*"] }], publish: { allow: ["large.>"] } };
    const text = istioJson({
      trustDomains: [...trustDomains, "cluster.local"].slice(1),
      rules: [...rules, everybody],
    });
    const { main, worker, wire } = proxy();
    main.configure(text);
    worker.configure(text);
    worker.resetCounts();
    readOn(worker);
    const comparisons = 64 * 2 * rules.length;
    const looks = worker.counts["proxy_get_current_time_nanoseconds"]!;
    assert.ok(looks >= (text.length + comparisons) / 16_384, `${looks} looks at the clock`);
    assertOnly(wire, "large", ["small"]);
    const app = new Wire(worker, "spiffe://d5.example/ns/team/sa/app-999");
    app.client(CONNECT);
    assert.equal(app.client(pub("orders.999.x")), pub("orders.999.x"));
  });

  it("is read on with the next tick if the clock is set back meanwhile", () => {
    const { main, worker, wire } = proxy();
    main.configure(LARGE);
    worker.configure(LARGE);
    worker.clockStep = -CLOCK_STEP;
    tick(worker);
    worker.clockStep = CLOCK_STEP;
    assertOnly(wire, "small", ["large"]);
    readOn(worker);
    assertOnly(wire, "large", ["small"]);
  });

  it("is also read in slices if a worker finds it at its tick", () => {
    const { main, worker, wire } = proxy();
    main.configure(LARGE);
    tick(worker, TICK);
    assertOnly(wire, "small", ["large"]);
    assert.ok(readOn(worker) >= 2);
    assertOnly(wire, "large", ["small"]);
  });

  it("is read once, whatever the number of roots that wait for it", () => {
    /**
     * How often a worker reads the clock until all its connections are under the policy. It does so about once for each piece that
     * it reads.
     */
    const looksWith = (roots: number): number => {
      const { main, worker } = proxy();
      const wires = Array.from({ length: roots }, (_, number) => {
        worker.configure(only(`t${number}`, 1));
        return Wire.connected(worker);
      });
      main.configure(LARGE);
      worker.configure(LARGE);
      worker.resetCounts();
      // The others learn of it at a tick of their own.
      tick(worker, TICK);
      readOn(worker);
      const looks = worker.counts["proxy_get_current_time_nanoseconds"]!;
      for (const wire of wires) assertOnly(wire, "large", ["small"]);
      return looks;
    };
    const pieces = LARGE.length / 16_384;
    const [one, five] = [looksWith(1), looksWith(5)];
    assert.ok(one > pieces, `${one} looks`);
    assert.ok(five < 2 * one, `${five} looks with five roots, ${one} with one`);
  });

  it("is in force at once if none was, for a client that connects before all of it is read", () => {
    const shared = new SharedData();
    vm(shared).configure(LARGE);
    const worker = vm(shared);
    assert.ok(worker.configure(LARGE).accepted);
    assert.equal(worker.shortestTickPeriod, HURRIED);
    visit(worker, "large", ["small"]);
    tick(worker);
    assert.equal(worker.shortestTickPeriod, TICK);
  });

  it("gives way to a newer one for the first client, if none was in force", () => {
    const shared = new SharedData();
    const main = vm(shared);
    main.configure(LARGE);
    const worker = vm(shared);
    worker.configure(LARGE);
    main.configure(only("newer", 1));
    assertOnly(Wire.connected(worker), "newer", ["large"]);
  });

  it("counts only its own budget if none was in force, even though the default is larger", () => {
    const shared = new SharedData();
    const MEMORY = 8 << 20;
    const publish = `"publish":${istioJson({ allow: ["large.>"] })}`;
    const policy = only("large", 3000, { limits: { memory: MEMORY } }).replace(
      publish,
      `${publish},"subscribe":${istioJson({ allow: [">"] })}`,
    );
    vm(shared).configure(policy);
    const worker = vm(shared);
    assert.ok(worker.configure(policy).accepted);
    assert.equal(worker.shortestTickPeriod, HURRIED);
    const wire = Wire.connected(worker);
    const line = `SUB ${"x".repeat(4000)}`;
    let fits = 0;
    while (wire.client(`${line} ${fits}\r\n`) !== "?\r\n") assert.ok(++fits < 1000, "the budget never ends");
    // A connection may hold an eighth.
    assert.ok(fits * line.length < (MEMORY / 8) * 1.1, `${fits} subscriptions fit`);
  });

  it("is read to its end even if the clock is set back", () => {
    const { main, worker, wire } = proxy();
    main.configure(LARGE);
    worker.configure(LARGE);
    tick(worker);
    worker.advance(-3_600_000);
    readOn(worker);
    assertOnly(wire, "large", ["small"]);
  });

  it("is read to its end even if the thread runs so seldom that each clock read ends the slice", () => {
    const shared = new SharedData();
    vm(shared).configure(LARGE);
    const worker = new Host(filterModule(), { shared, clockStep: 30n * CLOCK_STEP });
    worker.configure(LARGE);
    assert.ok(readOn(worker) > 1);
    assertOnly(Wire.connected(worker), "large", ["small"]);
  });

  it("does not make a late worker believe sooner that its own policy is the host's", () => {
    const { main, worker } = proxy();
    const former = only("former", 1);
    main.configure(former);
    main.configure(LARGE);
    const observer = Wire.connected(main);
    // The host drops what it has replaced, so this root is the only one that it keeps.
    const { root } = worker.configure(former);
    for (let other = 1; other < root; other++) worker.deleteRoot(other);
    for (let time = 0; time < 300; time += worker.shortestTickPeriod) {
      tick(worker, worker.shortestTickPeriod);
      tick(main, TICK);
      assertOnly(observer, "large", ["former"]);
    }
  });

  it("is read to its end if none was in force and nobody connects", () => {
    const shared = new SharedData();
    vm(shared).configure(LARGE);
    const worker = vm(shared);
    worker.configure(LARGE);
    assert.ok(readOn(worker) >= 2);
    assertOnly(Wire.connected(worker), "large", ["small"]);
  });

  it("is not adopted if the former one has become the newest again meanwhile", () => {
    const { main, worker, wire } = proxy();
    main.configure(LARGE);
    worker.configure(LARGE);
    tick(worker);
    main.configure(SMALL);
    tick(worker);
    assert.equal(worker.shortestTickPeriod, TICK);
    for (let i = 0; i < 4; i++) tick(worker, TICK);
    for (const connection of [wire, Wire.connected(worker)]) assertOnly(connection, "small", ["large"]);
  });

  it("is not adopted if yet another one has come meanwhile", () => {
    const { main, worker, wire } = proxy();
    const other = only("other", 3000);
    for (const policy of [LARGE, other]) {
      main.configure(policy);
      worker.configure(policy);
      tick(worker);
    }
    readOn(worker);
    assertOnly(wire, "other", ["small", "large"]);
    assert.equal(stat(worker, "istio_nats_policy_changes_total"), 1);
  });

  it("is read to its end even if the root that began with it has gone", () => {
    const { main, worker, wire } = proxy();
    main.configure(LARGE);
    const { root } = worker.configure(LARGE);
    tick(worker);
    worker.deleteRoot(root);
    tick(worker, TICK);
    readOn(worker);
    assertOnly(wire, "large", ["small"]);
  });

  it("takes the place of a longer one, and gives way to a short one at once", () => {
    const { main, worker, wire } = proxy();
    for (const policy of [LARGE, only("other", 1000)]) {
      main.configure(policy);
      worker.configure(policy);
      readOn(worker);
    }
    assertOnly(wire, "other", ["large"]);
    worker.configure(only("last", 1));
    assertOnly(wire, "last", ["other"]);
  });

  it("is also that of the other VMs if it changes the mode", () => {
    const { main, worker, wire } = proxy();
    const observing = only("large", 3000, { mode: "DRY_RUN" });
    main.configure(observing);
    worker.configure(observing);
    assertOnly(wire, "small", ["large"]);
    readOn(worker);
    assert.equal(wire.client(pub("no.x")), pub("no.x"));
  });
});

describe("a long policy that is read when another version of the module publishes one that this cannot read", () => {
  for (const [size, unreadable] of [
    ["short", only("newer", 1, { laterKey: true })],
    ["long", only("newer", 3000, { laterKey: true })],
  ] as const) {
    /** A worker that has nothing in force yet, and finds what it cannot read after that many ticks. */
    const worker = (ticks: number): Host => {
      const shared = new SharedData();
      vm(shared).configure(LARGE);
      const host = vm(shared);
      assert.ok(host.configure(LARGE).accepted);
      for (let i = 0; i < ticks; i++) tick(host);
      assert.equal(host.shortestTickPeriod, HURRIED);
      shared.set(KEY, envelope(unreadable));
      shared.set(CHANGE_KEY, Buffer.from("x"));
      return host;
    };

    it(`comes into force if none was, so that somebody is let in (${size})`, () => {
      for (let ticks = 0; ticks < 3; ticks++) {
        const host = worker(ticks);
        tick(host, TICK);
        readOn(host);
        assertOnly(Wire.connected(host), "large", ["newer"]);
        for (let i = 0; i < 4; i++) tick(host, TICK);
        assert.equal(host.logs.filter(({ message }) => message.includes("cannot read")).length, 1);
      }
    });

    it(`comes into force though the other one is found again meanwhile (${size})`, () => {
      const shared = new SharedData();
      vm(shared).configure(LARGE);
      const host = vm(shared);
      assert.ok(host.configure(LARGE).accepted);
      shared.set(KEY, envelope(unreadable));
      for (const change of ["x", "y"]) {
        shared.set(CHANGE_KEY, Buffer.from(change));
        tick(host);
      }
      readOn(host);
      assertOnly(Wire.connected(host), "large", ["newer"]);
    });

    it(`is in force for a client that connects at once (${size})`, () => {
      for (let ticks = 0; ticks < 3; ticks++) {
        const host = worker(ticks);
        visit(host, "large", ["newer"]);
        tick(host);
        assert.equal(host.shortestTickPeriod, TICK);
      }
    });
  }
});

describe("a long policy that no VM of this version has accepted", () => {
  it("is judged before the host is answered, even if another module has published it", () => {
    const { worker, wire, shared } = proxy();
    const faulty = LARGE.replace('"everybody"', '"everybody\\u0001"');
    shared.set(KEY, envelope(faulty));
    shared.set(CHANGE_KEY, Buffer.from("x"));
    assert.equal(worker.configure(faulty).accepted, false);
    // The root of an open connection also finds it, reads it in slices, and leaves the former one in force meanwhile.
    tick(worker, TICK);
    readOn(worker);
    for (let i = 0; i < 4; i++) tick(worker, TICK);
    const told = worker.logs.filter(({ message }) => message.includes("cannot read"));
    assert.equal(told.length, 1);
    assertOnly(wire, "small", ["large"]);
  });

  it("is judged by each version for itself", () => {
    const { main, worker, shared } = proxy();
    main.configure(LARGE);
    const key = [...shared.keys].find((name) => name.startsWith("istio-nats/accepted/"));
    assert.equal(key, "istio-nats/accepted/0.1.0/istio-nats/");
    shared.set(key, Buffer.from("another."));
    worker.configure(LARGE);
    assert.equal(worker.shortestTickPeriod, TICK);
    assertOnly(Wire.connected(worker), "large", ["small"]);
  });
});

describe("the policy in force in all VMs of a proxy, if long ones are among them", () => {
  it("settles on the host's last one, whatever a worker skips and however far it has read", () => {
    // The same in every run.
    const random = new Random(43);
    const policies = new Map(["a", "b", "c"].map((token) => [token, only(token, token === "a" ? 1 : 1200)]));
    for (let round = 0; round < 40; round++) {
      const shared = new SharedData();
      const [main, ...workers] = [vm(shared), vm(shared), vm(shared)];
      const wires: Wire[] = [];
      let last = "";
      for (let change = 0; change < 8; change++) {
        const token = "abc"[random.below(3)]!;
        if (token === last) continue;
        last = token;
        assert.ok(main.configure(policies.get(token)!).accepted);
        for (const worker of workers) {
          if (change > 0 && random.below(3) === 0) continue;
          assert.ok(worker.configure(policies.get(token)!).accepted);
          if (random.below(2) === 0) wires.push(Wire.connected(worker));
        }
        for (let i = random.below(4); i > 0; i--) tick(workers[random.below(2)]!, [HURRIED, TICK][random.below(2)]);
      }
      for (const worker of workers) {
        tick(worker, TICK);
        readOn(worker);
      }
      const others = [...policies.keys()].filter((token) => token !== last);
      for (const wire of wires) assertOnly(wire, last, others);
    }
  });
});

describe("memory of policies that are read in slices", () => {
  let counting: WebAssembly.Module;
  before(async () => {
    counting = await countingModule();
  });

  it("is also given back for those that nobody has read to their end", (t: TestContext) => {
    const shared = new SharedData();
    const [main, worker] = [vm(shared), vm(shared, counting)];
    for (const host of [main, worker]) host.configure(SMALL);
    const wire = Wire.connected(worker);
    const levels: number[] = [];
    for (let number = 0; number < 30; number++) {
      const policy = only(`t${number}`, 2000);
      main.configure(policy);
      const { root } = worker.configure(policy);
      tick(worker);
      if (number % 2 === 0) readOn(worker);
      // The root goes while the policy waits, or after it has stopped waiting.
      const goesFirst = number % 3 === 0;
      if (goesFirst) worker.deleteRoot(root);
      main.configure(SMALL);
      tick(worker, TICK);
      if (!goesFirst) worker.deleteRoot(root);
      tick(worker, TICK);
      assertOnly(wire, "small", []);
      if (number % 10 === 9) levels.push(worker.global("live_bytes"));
    }
    t.diagnostic(`${levels.join(", ")} bytes in use`);
    assert.ok(Math.max(...levels) <= levels[0]! + PAGE, levels.join(", "));
  });

  it("is at most 32 MiB if policies of a mebibyte replace each other", (t: TestContext) => {
    const shared = new SharedData();
    const [main, worker] = [vm(shared), vm(shared)];
    for (const host of [main, worker]) host.configure(SMALL);
    const wire = Wire.connected(worker);
    for (let number = 0; number < 8; number++) {
      const policy = only(`t${number}`, 7500);
      assert.ok(policy.length > 1024 * 1024);
      main.configure(policy);
      const { root } = worker.configure(policy);
      // Connections come and go while it is being read.
      const crowd = Array.from({ length: 500 }, () => Wire.connected(worker));
      tick(worker);
      for (const each of crowd) each.connection.close("client");
      const ticks = readOn(worker);
      assert.ok(ticks > 3, `${ticks} ticks`);
      assertOnly(wire, `t${number}`, []);
      worker.deleteRoot(root);
      tick(worker, TICK);
    }
    t.diagnostic(`${worker.memoryPages} pages`);
    assert.ok(worker.memoryPages * PAGE <= 32 << 20, `${worker.memoryPages} pages`);
  });

  it("is at most 32 MiB also if each has left a connection behind, for which the host keeps its root", (t: TestContext) => {
    const shared = new SharedData();
    const [main, worker] = [vm(shared), vm(shared)];
    const kept: Wire[] = [];
    let former = 0;
    for (let number = 0; number < 40; number++) {
      const policy = only(`t${number}`, 7500);
      const { root } = main.configure(policy);
      if (former !== 0) main.deleteRoot(former);
      former = root;
      worker.configure(policy);
      readOn(worker);
      kept.push(Wire.connected(worker));
    }
    for (const wire of kept) assertOnly(wire, "t39", ["t0"]);
    t.diagnostic(`${worker.memoryPages} pages`);
    assert.ok(worker.memoryPages * PAGE <= 32 << 20, `${worker.memoryPages} pages`);
  });
});
