import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { only, vm, tick, assertOnly, KEY, CHANGE_KEY, envelope, TICK } from "./changing-policy.ts";
import { SharedData } from "./host.ts";
import { WasmResult } from "./model/results.ts";
import { Random } from "./random.ts";
import { CONNECT, INFO, PEER, stat, Wire } from "./wire.ts";

describe("the policy in force in all VMs of a proxy", () => {
  it("is the one that any of them was configured with last, for connections of every root", () => {
    const shared = new SharedData();
    const [main, worker] = [vm(shared), vm(shared)];
    for (const host of [main, worker]) host.configure(only("a"));
    const wire = Wire.connected(worker);
    assertOnly(wire, "a", ["b"]);
    main.configure(only("b"));
    tick(worker);
    assertOnly(wire, "b", ["a"]);
    assert.equal(stat(worker, "istio_nats_policy_changes_total"), 1);
  });

  it("is the first again if only the main thread is configured with it again", () => {
    const shared = new SharedData();
    const [main, worker] = [vm(shared), vm(shared)];
    const first = [main.configure(only("a")), worker.configure(only("a"))];
    const wire = Wire.connected(worker);
    const second = [main.configure(only("b")), worker.configure(only("b"))];
    main.deleteRoot(first[0]!.root);
    const later = Wire.connected(worker);
    tick(main, worker);
    assertOnly(wire, "b", ["a"]);
    main.configure(only("a"));
    main.deleteRoot(second[0]!.root);
    tick(main, worker);
    for (const connection of [wire, later]) assertOnly(connection, "a", ["b"]);
  });

  it("is not what a late worker is configured with", () => {
    const shared = new SharedData();
    const [main, worker] = [vm(shared), vm(shared)];
    for (const host of [main, worker]) host.configure(only("a"));
    const wire = Wire.connected(worker);
    const b = main.configure(only("b"));
    main.configure(only("a"));
    main.deleteRoot(b.root);
    const late = worker.configure(only("b"));
    tick(main, worker);
    assertOnly(wire, "a", ["b"]);
    // In reality its root goes at once, because the next configuration has been posted behind it.
    worker.deleteRoot(late.root);
    for (let i = 0; i < 6; i++) tick(main, worker);
    assertOnly(wire, "a", ["b"]);
  });

  it("returns to what the host keeps, even though nobody was configured with it again", () => {
    const shared = new SharedData();
    const [main, worker] = [vm(shared), vm(shared)];
    for (const host of [main, worker]) host.configure(only("a"));
    const wire = Wire.connected(worker);
    const b = [main.configure(only("b")), worker.configure(only("b"))];
    tick(main, worker);
    assertOnly(wire, "b", ["a"]);
    // The main thread's root of A still existed when A came again, so Envoy uses it without a callback.
    main.deleteRoot(b[0]!.root);
    worker.deleteRoot(b[1]!.root);
    for (let i = 0; i < 3; i++) tick(main, worker);
    assertOnly(wire, "a", ["b"]);
  });

  it("does not return at once, nor by a root that had connections when it was replaced, but by the main thread's", () => {
    const shared = new SharedData();
    const [main, worker] = [vm(shared), vm(shared)];
    const [, kept] = [main, worker].map((host) => host.configure(only("a")));
    const former = Wire.connected(worker);
    const b = [main, worker].map((host) => host.configure(only("b")));
    tick(main, worker);
    worker.deleteRoot(b[1]!.root);
    for (let i = 0; i < 3; i++) tick(main, worker);
    assertOnly(former, "b", ["a"]);
    former.connection.close();
    for (let i = 0; i < 3; i++) tick(main, worker);
    const wire = new Wire(worker, PEER, kept!.root);
    wire.server(INFO);
    wire.client(CONNECT);
    assertOnly(wire, "b", ["a"]);
    main.deleteRoot(b[0]!.root);
    tick(main, worker);
    assertOnly(wire, "b", ["a"]);
    tick(main, worker);
    assertOnly(wire, "a", ["b"]);
  });

  it("returns to what the host keeps also where the host's clock is set back by an hour meanwhile", () => {
    const host = vm();
    const { root } = host.configure(only("a"));
    host.deleteRoot(host.configure(only("b")).root);
    tick(host);
    host.advance(-3_600_000);
    for (let i = 0; i < 3; i++) tick(host);
    const wire = new Wire(host, PEER, root);
    wire.client(CONNECT);
    assertOnly(wire, "a", ["b"]);
  });

  it("stays while the host keeps the root of a former one, though neither has a connection", () => {
    const host = vm();
    for (const token of ["a", "b"]) host.configure(only(token));
    for (let i = 0; i < 6; i++) tick(host);
    assertOnly(Wire.connected(host), "b", ["a"]);
    assert.equal(stat(host, "istio_nats_policy_changes_total"), 1);
  });

  it("is at once a former one with which the host configures a VM again that it had given the newest", () => {
    const shared = new SharedData();
    const hosts = [vm(shared), vm(shared)];
    for (const token of ["a", "b"]) for (const host of hosts) host.configure(only(token));
    hosts[1]!.configure(only("a"));
    assertOnly(Wire.connected(hosts[1]!), "a", ["b"]);
  });

  it("is at once what the host configures, even if it ended a while ago by a clock that was then set back by an hour", () => {
    const shared = new SharedData();
    const [main, worker] = [vm(shared), vm(shared)];
    for (const token of ["a", "b"]) main.configure(only(token));
    for (const host of [main, worker]) host.advance(-3_600_000);
    worker.configure(only("a"));
    assertOnly(Wire.connected(worker), "a", ["b"]);
  });

  it("stays where a VM has seen sixteen others go since it saw the newest go, which it remembers no longer", () => {
    for (const others of [15, 16]) {
      const shared = new SharedData();
      const [main, worker] = [vm(shared), vm(shared)];
      const [, kept] = [main, worker].map((host) => host.configure(only("kept")));
      worker.deleteRoot(worker.configure(only("newest")).root);
      for (let i = 0; i < others; i++) worker.deleteRoot(worker.configure(only(`other-${i}`)).root);
      // Late enough not to be taken for a late one.
      for (const host of [main, worker]) host.advance(60_000);
      main.configure(only("newest"));
      for (let i = 0; i < 3; i++) tick(worker);
      const wire = new Wire(worker, PEER, kept!.root);
      wire.server(INFO);
      wire.client(CONNECT);
      if (others < 16) assertOnly(wire, "kept", ["newest"], `after ${others}`);
      else assertOnly(wire, "newest", ["kept"], `after ${others}`);
    }
  });

  it("stays while an older VM is kept only by a listener that drains", () => {
    const shared = new SharedData();
    const [old, current] = [vm(shared), vm(shared)];
    old.configure(only("a"));
    current.configure(only("b"));
    const wire = Wire.connected(current);
    for (let i = 0; i < 20; i++) tick(old, current);
    assertOnly(wire, "b", ["a"]);
  });

  it("is the same in all VMs where two are published at once, of which one VM then loses its own", () => {
    const shared = new SharedData();
    const [one, other] = [vm(shared), vm(shared)];
    for (const host of [one, other]) host.configure(only("old"));
    // The other VM publishes between what the first one reads last and what it writes.
    const get = shared.get.bind(shared);
    let reads = 0;
    shared.get = (key) => {
      const found = get(key);
      if (key === KEY && ++reads === 2) other.configure(only("theirs"));
      return found;
    };
    one.configure(only("ours"));
    assert.ok(reads > 2);
    for (const host of [one, other]) assertOnly(Wire.connected(host), "theirs", ["ours", "old"]);
    tick(one, other);
    for (const host of [one, other]) assertOnly(Wire.connected(host), "theirs", ["ours", "old"]);
  });

  it("is published with the next try where the host does not take the first", () => {
    const shared = new SharedData();
    const [one, other] = [vm(shared), vm(shared)];
    for (const host of [one, other]) host.configure(only("old"));
    one.refuseOnce("proxy_set_shared_data", 0);
    one.configure(only("new"));
    tick(one, other);
    for (const host of [one, other]) assertOnly(Wire.connected(host), "new", ["old"]);
  });

  it("stays where the host does not take 64 tries to publish another, until a tick's try is taken", () => {
    const shared = new SharedData();
    const [one, other] = [vm(shared), vm(shared)];
    const [former] = [one, other].map((host) => host.configure(only("old")));
    const set = shared.set.bind(shared);
    let tries = 0;
    shared.set = (key, value, cas) => {
      if (key !== KEY) return set(key, value, cas);
      tries++;
      return WasmResult.CasMismatch;
    };
    one.configure(only("new"));
    assert.equal(tries, 64);
    assertOnly(Wire.connected(other), "old", ["new"]);
    shared.set = set;
    one.deleteRoot(former!.root);
    for (let i = 0; i < 3; i++) tick(one, other);
    for (const host of [one, other]) assertOnly(Wire.connected(host), "new", ["old"]);
  });

  it("leaves no ticks of a former one behind, for which Envoy would wake up as long as the VM lives", () => {
    const host = vm(new SharedData());
    const former = host.configure(only("a"));
    host.configure(only("b"));
    host.tick();
    host.deleteRoot(former.root);
    assert.equal(host.ticksLeft, 0);
    assert.equal(host.tickPeriod, TICK);
  });

  it("is separate for every plugin, by plugin name and root id", () => {
    const shared = new SharedData();
    const names = [{ plugin_name: "x" }, { plugin_name: "y" }, { plugin_name: "x", plugin_root_id: "r" }];
    const hosts = names.map((properties) => vm(shared, properties));
    const wires = hosts.map((host) => {
      host.configure(only("a"));
      return Wire.connected(host);
    });
    hosts[0]!.configure(only("b"));
    tick(...hosts);
    assertOnly(wires[0]!, "b", ["a"]);
    assertOnly(wires[1]!, "a", ["b"]);
    assertOnly(wires[2]!, "a", ["b"]);
  });

  it("settles on the host's last one, whatever a worker skips and however late it is", () => {
    // The same in every run.
    const random = new Random(42);
    for (let round = 0; round < 60; round++) {
      const shared = new SharedData();
      const hosts = [vm(shared), vm(shared), vm(shared)];
      // Like thread-local plugins of Envoy: a root lives while it is the current one or has connections.
      const threads = hosts.map((host) => ({
        host,
        queue: [] as string[],
        current: "",
        roots: new Map<string, number>(),
      }));
      const wires: { wire: Wire; root: string; thread: number }[] = [];
      const step = (index: number): void => {
        const thread = threads[index]!;
        const token = thread.queue.shift();
        if (token === undefined) return;
        const former = thread.current;
        thread.current = token;
        if (!thread.roots.has(token)) thread.roots.set(token, thread.host.configure(only(token)).root);
        const isUsed = wires.some(({ root, thread: at }) => at === index && root === former);
        if (former !== "" && former !== token && !isUsed) {
          thread.host.deleteRoot(thread.roots.get(former)!);
          thread.roots.delete(former);
        }
      };
      let last = "";
      for (let change = 0; change < 12; change++) {
        const token = "abc"[random.below(3)]!;
        if (token === last) continue;
        last = token;
        threads.forEach((thread) => thread.queue.push(token));
        step(0);
        for (let i = 0; i < 4; i++) step(1 + random.below(2));
        const at = 1 + random.below(2);
        const { host, current, roots } = threads[at]!;
        if (current !== "") {
          const made = new Wire(host, PEER, roots.get(current));
          made.server(INFO);
          made.client(CONNECT);
          wires.push({ wire: made, root: current, thread: at });
        }
        if (random.below(3) === 0) tick(...hosts);
      }
      for (const index of [1, 2]) while (threads[index]!.queue.length > 0) step(index);
      for (let i = 0; i < 4; i++) tick(...hosts);
      for (const { wire } of wires)
        assertOnly(
          wire,
          last,
          ["a", "b", "c"].filter((token) => token !== last),
          `round ${round}`,
        );
    }
  });
});

describe("a published policy that is invalid", () => {
  const text = JSON.stringify(only("b"));
  const CASES: [name: string, value: Buffer, told: RegExp][] = [
    ["of another plugin", Buffer.from("something else that is long enough to be read as a head"), /not of istio-nats/],
    ["that is empty", Buffer.alloc(0), /not of istio-nats/],
    ["that is cut off", envelope(text).subarray(0, 39), /not of istio-nats/],
    ["of a later form", envelope(text, { version: 2 }), /form 2, and this module reads form 1/],
    ["with another length", envelope(text, { length: 1 }), /length/],
    ["with a length beyond all", envelope(text, { length: 2 ** 40 }), /length/],
    ["that is damaged", envelope(text, { hash: 1n }), /damaged/],
    ["that this module cannot read", envelope('{"newer":1}'), /cannot read/],
  ];
  for (const [name, value, told] of CASES) {
    it(`is ignored, reported once and counted: one ${name}`, () => {
      const shared = new SharedData();
      const host = vm(shared);
      host.configure(only("a"));
      const wire = Wire.connected(host);
      // Of the same policy to the filter, in a root of its own.
      host.configure(only("a", { mode: "ENFORCE" }));
      shared.set(KEY, value);
      shared.set(CHANGE_KEY, Buffer.from("x"));
      for (let i = 0; i < 4; i++) tick(host);
      shared.set(CHANGE_KEY, Buffer.from("y"));
      tick(host);
      assertOnly(wire, "a", ["b"]);
      const lines = host.logs.filter(({ message, level }) => level === "critical" && told.test(message));
      assert.equal(lines.length, 1, host.logs.map(({ message }) => message).join("\n"));
      assert.equal(stat(host, "istio_nats_policy_rejected_total"), 1);
      // The next configuration is an operator's decision, whatever was published.
      assert.ok(host.configure(only("c")).accepted);
      tick(host);
      assertOnly(wire, "c", ["a"]);
    });
  }

  for (const [what, value] of [
    ["is of another plugin", Buffer.from("something else that is long enough to be read as a head")],
    ["this module cannot read", envelope('{"newer":1}')],
  ] as const) {
    it(`is reported and counted again where one that ${what} comes again behind one that could be read`, () => {
      const shared = new SharedData();
      const host = vm(shared);
      for (let incident = 1; incident <= 3; incident++) {
        host.configure(only("a", { limits: { subscriptions: 100 + incident } }));
        tick(host);
        shared.set(KEY, value);
        shared.set(CHANGE_KEY, Buffer.from("x"));
        for (let i = 0; i < 3; i++) tick(host);
        assert.equal(host.logs.filter(({ level }) => level === "critical").length, incident);
        assert.equal(stat(host, "istio_nats_policy_rejected_total"), incident);
      }
    });
  }

  it("is adopted if it is valid, by exactly its bytes", () => {
    const shared = new SharedData();
    const host = vm(shared);
    host.configure(only("a"));
    const wire = Wire.connected(host);
    shared.set(KEY, envelope(text));
    shared.set(CHANGE_KEY, Buffer.from("x"));
    tick(host);
    assertOnly(wire, "b", ["a"]);
  });

  it("costs a tick one host call to see that nothing has changed", () => {
    const host = vm();
    host.configure(only("a"));
    tick(host);
    host.resetCounts();
    tick(host);
    assert.equal(host.counts["proxy_get_shared_data"], 1);
  });

  for (const own of [false, true]) {
    it(`is copied by a VM once, however many roots wait for it, whoever has published it (${own ? "itself" : "another"})`, () => {
      const shared = new SharedData();
      const [main, worker] = [vm(shared), vm(shared)];
      const ROOTS = 20;
      const wires = Array.from({ length: ROOTS }, (_, i) => {
        worker.configure(only(`t${i}`));
        return Wire.connected(worker);
      });
      tick(worker);
      if (own) worker.configure(only("last"));
      else main.configure(only("last"));
      const roots = ROOTS + (own ? 1 : 0);
      worker.resetCounts();
      tick(worker);
      // One look of each whether anything has changed.
      assert.equal(worker.counts["proxy_get_shared_data"], roots + 1);
      for (const wire of wires) assertOnly(wire, "last", ["t0"]);
    });
  }

  it("is read by the next root where the host does not hand it over at once", () => {
    const shared = new SharedData();
    const [main, worker] = [vm(shared), vm(shared)];
    main.configure(only("a"));
    const wires = [1, 2].map((i) => {
      worker.configure(only("a", { limits: { subscriptions: 100 + i } }));
      return Wire.connected(worker);
    });
    tick(worker);
    main.configure(only("b"));
    // The first call asks whether anything has changed.
    worker.refuseOnce("proxy_get_shared_data", 1);
    tick(worker);
    for (const wire of wires) assertOnly(wire, "b", ["a"]);
  });
});

describe("a configuration that is refused", () => {
  it("publishes nothing, leaves the old one in force and is counted", () => {
    const shared = new SharedData();
    const [main, worker] = [vm(shared), vm(shared)];
    for (const host of [main, worker]) host.configure(only("a"));
    const wire = Wire.connected(worker);
    const before = shared.get(KEY)!.cas;
    assert.equal(main.configure({ trustDomains: ["cluster.local"], rules: [] }).accepted, false);
    assert.equal(shared.get(KEY)!.cas, before);
    tick(worker);
    assertOnly(wire, "a", ["b"]);
    // At once: Envoy drops a VM that has refused its configuration.
    const raw = [...main.metrics].filter(([name]) => name.endsWith(";.;istio_nats_policy_rejected_total"));
    assert.deepEqual(
      raw.map(([, value]) => value),
      [1],
    );
  });

  it("leaves its root nothing to publish, though that ticks all the same and is the only one left", () => {
    const shared = new SharedData();
    const host = vm(shared);
    const accepted = host.configure(only("a"));
    const refused = host.configure({ trustDomains: ["cluster.local"], rules: [] });
    host.deleteRoot(accepted.root);
    const before = shared.get(KEY)!.cas;
    for (let i = 0; i < 3; i++) {
      host.tickUnasked(refused);
      host.advance(TICK);
    }
    assert.equal(shared.get(KEY)!.cas, before);
  });
});
