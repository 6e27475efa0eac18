import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  only,
  policyOf,
  vm,
  tick,
  connected,
  assertOnly,
  KEY,
  CHANGE_KEY,
  envelope,
  ended,
} from "./changing-policy.ts";
import { SharedData } from "./host.ts";
import { Random } from "./random.ts";
import { auditOf, CONNECT, INFO, msg, PEER, PING, PONG, pub, publishViolation, stat, Wire } from "./wire.ts";

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

  it("does not return while a connection may be why the host keeps a former one, nor at once when that has closed", () => {
    const shared = new SharedData();
    const [main, worker] = [vm(shared), vm(shared)];
    const a = [main, worker].map((host) => host.configure(only("a")));
    const wire = Wire.connected(worker);
    const b = [main, worker].map((host) => host.configure(only("b")));
    main.deleteRoot(b[0]!.root);
    tick(main);
    const other = new Wire(main, PEER, a[0]!.root);
    tick(main, main);
    other.connection.close();
    tick(main, worker);
    assertOnly(wire, "b", ["a"]);
    tick(main, worker);
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

  it("stays while an older VM is kept only by a listener that drains", () => {
    const shared = new SharedData();
    const [old, current] = [vm(shared), vm(shared)];
    old.configure(only("a"));
    current.configure(only("b"));
    const wire = Wire.connected(current);
    for (let i = 0; i < 20; i++) tick(old, current);
    assertOnly(wire, "b", ["a"]);
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
});

describe("what else changes on an open connection", () => {
  it("includes its limits", () => {
    const { host, wire } = connected(policyOf({ subscribe: { allow: ["a.>"] } }));
    wire.client("SUB a.1 1\r\nSUB a.2 2\r\n");
    host.configure(policyOf({ subscribe: { allow: ["a.>"] } }, { limits: { subscriptions: 2 } }));
    assert.equal(wire.client("SUB a.3 3\r\n"), PING);
    assert.equal(wire.server(PONG), "-ERR 'maximum subscriptions exceeded'\r\n");
  });

  it("does not include the reply subjects that it may still answer on", () => {
    const responder = (more: object): object => policyOf({ subscribe: { allow: ["ask.>"] }, ...more });
    const { host, wire } = connected(responder({ allow_responses: { max: 2, expires: "1m" } }));
    wire.client("SUB ask.1 1\r\n");
    wire.server(msg("ask.1", "1", "?", "_INBOX.9"));
    host.configure(responder({ allow_responses: { max: 3, expires: "1m" } }));
    assert.equal(wire.client(pub("_INBOX.9")), pub("_INBOX.9"));
    host.configure(responder({ allow_responses: { max: 1, expires: "1m" } }));
    assert.equal(wire.client(pub("_INBOX.9")), PING);
    wire.server(PONG + msg("ask.1", "1", "?", "_INBOX.8"));
    host.configure(responder({ publish: { allow: ["x"] } }));
    assert.equal(wire.client(pub("_INBOX.8")), PING);
  });

  it("leaves answers to the limits of the rule that granted them when another rule comes or goes before it", () => {
    const from = [{ principals: ["*"] }];
    const once = { name: "once", from, allow_responses: { max: 1 } };
    const stream = {
      name: "stream",
      from,
      subscribe: { allow: ["ask.>"] },
      allow_responses: { max: 3, expires: "1m" },
    };
    const answer = pub("_INBOX.9");
    for (const [before, after] of [
      [[stream], [once, stream]],
      [[once, stream], [stream]],
      [
        [once, stream],
        [stream, once],
      ],
    ]) {
      const policy = (rules: unknown): object => ({ trustDomains: ["cluster.local"], rules });
      const { host, wire } = connected(policy(before));
      wire.client("SUB ask.1 1\r\n");
      wire.server(msg("ask.1", "1", "?", "_INBOX.9"));
      assert.equal(wire.client(answer), answer);
      host.configure(policy(after));
      assert.equal(wire.client(answer + answer + answer), answer + answer + PING);
    }
  });

  it("leaves answers through DRY_RUN and back, though a rule in DRY_RUN has come meanwhile", () => {
    const from = [{ principals: ["*"] }];
    const service = { name: "service", from, subscribe: { allow: ["ask.>"] }, allow_responses: { max: 2 } };
    const tried = { name: "tried", from, mode: "DRY_RUN", publish: { deny: ["x"] } };
    const policy = (rules: object[], mode = "ENFORCE"): object => ({ mode, trustDomains: ["cluster.local"], rules });
    const { host, wire } = connected(policy([service]));
    wire.client("SUB ask.1 1\r\n");
    wire.server(msg("ask.1", "1", "?", "_INBOX.9"));
    const answer = pub("_INBOX.9");
    for (const next of [policy([service, tried]), policy([service, tried], "DRY_RUN"), policy([service])]) {
      host.configure(next);
      wire.client("PING\r\n");
      wire.server(PONG);
    }
    assert.equal(wire.client(answer + answer + answer), answer + answer + PING);
  });

  it("leaves answers to whatever the newer rules allow when rules become one, or exchange their limits", () => {
    const from = [{ principals: ["*"] }];
    const rule = (name: string, max: number): object => ({
      name,
      from,
      subscribe: { allow: ["ask.>"] },
      allow_responses: { max },
    });
    const policy = (...rules: object[]): object => ({ trustDomains: ["cluster.local"], rules });
    const answer = pub("_INBOX.9");
    for (const after of [
      policy(rule("many", 5)),
      policy(rule("many", 5), rule("few", 2)),
      policy(rule("few", 2), rule("many", 5)),
      policy(rule("few", 1), rule("many", 5)),
    ]) {
      const { host, wire } = connected(policy(rule("few", 1), rule("many", 3)));
      wire.client("SUB ask.1 1\r\n");
      wire.server(msg("ask.1", "1", "?", "_INBOX.9"));
      wire.client(answer);
      wire.server(msg("ask.1", "1", "?", "_INBOX.8"));
      host.configure(after);
      assert.equal(wire.client(answer.repeat(5)), answer.repeat(4) + PING, JSON.stringify(after));
    }
  });

  it("is not that an answer counts as one that a rule in DRY_RUN would refuse, since that rule came after its request", () => {
    const from = [{ principals: ["*"] }];
    const service = { name: "service", from, subscribe: { allow: ["ask.>"] }, allow_responses: true };
    const tried = { name: "tried", from, mode: "DRY_RUN", publish: { deny: ["x"] } };
    const policy = (rules: object[], mode = "ENFORCE"): object => ({ mode, trustDomains: ["cluster.local"], rules });
    for (const before of [policy([service]), policy([service], "DRY_RUN"), policy([service, tried], "DRY_RUN")]) {
      const { host, wire } = connected(before);
      wire.client("SUB ask.1 1\r\n");
      wire.server(msg("ask.1", "1", "?", "_INBOX.9"));
      host.configure(policy([service, tried]));
      assert.equal(wire.client(pub("_INBOX.9")), pub("_INBOX.9"));
      assert.equal(stat(host, "istio_nats_dry_run_refusals_total"), 0);
      assert.equal(wire.client(pub("_INBOX.9")), PING);
    }
  });

  it("is not that an answer counts as refused in DRY_RUN which only a rule in DRY_RUN had granted before", () => {
    const from = [{ principals: ["*"] }];
    const service = { name: "service", from, subscribe: { allow: ["ask.>", "tell.*"], deny: ["tell.no"] } };
    const tried = { name: "tried", from, mode: "DRY_RUN", allow_responses: { max: 2 } };
    const policy = (mode: string, ...rules: object[]): object => ({ mode, trustDomains: ["cluster.local"], rules });
    for (const before of [service, { ...service, allow_responses: { max: 1 } }]) {
      const { host, wire } = connected(policy("ENFORCE", before, tried));
      wire.client("SUB ask.1 1\r\nSUB tell.* 2\r\n");
      wire.server(msg("ask.1", "1", "?", "_INBOX.9"));
      const answer = pub("_INBOX.9");
      host.configure(policy("DRY_RUN", before, tried));
      assert.equal(wire.client(answer + answer), answer + answer);
      assert.equal(stat(host, "istio_nats_dry_run_refusals_total"), 0);
      assert.equal(wire.client(answer), answer);
      assert.equal(stat(host, "istio_nats_dry_run_refusals_total"), 1);
      // What was enforced is enforced again, the filter of deliveries too, and no answer more is granted.
      host.configure(policy("ENFORCE", before, tried));
      assert.equal(wire.server(msg("tell.no", "2") + msg("tell.a", "2")), msg("tell.a", "2"));
      assert.equal(wire.client(answer), PING);
    }
  });

  it("leaves a connection's reply subjects within its part of the memory, however many rules with limits of their own come", () => {
    const from = [{ principals: ["*"] }];
    const limits = { memory: 8388608, responses: 1048576 };
    const policy = (count: number): object => ({
      trustDomains: ["cluster.local"],
      limits,
      rules: Array.from({ length: count }, (_, i) => ({
        name: `r${i}`,
        from,
        subscribe: { allow: ["ask.>"] },
        allow_responses: { max: 2 + i },
      })),
    });
    const { host, wire } = connected(policy(1));
    wire.client("SUB ask.1 1\r\n");
    for (let i = 0; i < 4000; i++) wire.server(msg("ask.1", "1", "?", `_INBOX.${i}`));
    host.configure(policy(16));
    const used = stat(host, "istio_nats_memory_bytes");
    assert.equal(wire.client(pub("_INBOX.3999")), pub("_INBOX.3999"));
    // A 32nd for the reply subjects, and the tables by which they are found.
    assert.ok(used < limits.memory / 4, `${used} bytes`);
  });

  it("includes those reply subjects while the newer policy denies them", () => {
    const responder = (publish: object): object =>
      policyOf({ publish, subscribe: { allow: ["ask.>"] }, allow_responses: { max: 9, expires: "1m" } });
    const { host, wire } = connected(responder({ allow: ["a"] }));
    wire.client("SUB ask.1 1\r\n");
    wire.server(msg("ask.1", "1", "?", "_INBOX.9"));
    host.configure(responder({ allow: ["a"], deny: ["_INBOX.>"] }));
    const answer = pub("_INBOX.9");
    assert.equal(wire.client(answer + answer), PING + PING);
    assert.equal(wire.server(PONG), publishViolation("_INBOX.9"));
    host.configure(responder({ allow: ["a"] }));
    assert.equal(wire.client(answer), answer);
  });

  it("does not include what a delivery grants after a further CONNECT that nats-server reads later", () => {
    const responder = (...topics: string[]): object =>
      policyOf({ publish: { allow: topics }, subscribe: { allow: ["ask.>"] }, allow_responses: true });
    const { host, wire } = connected(responder("a"));
    const again = `${CONNECT}SUB ask.1 1\r\n`;
    assert.equal(wire.client(again), again.replace("SUB", `${PING}SUB`));
    host.configure(responder("a", "b"));
    // The delivery was under way when the server read the CONNECT, which ends what was granted before it.
    wire.server(msg("ask.1", "1", "?", "_INBOX.1") + PONG + msg("ask.1", "1", "?", "_INBOX.2"));
    assert.equal(wire.client(pub("_INBOX.1") + pub("_INBOX.2")), PING + pub("_INBOX.2"));
  });

  it("includes what a client that has sent nothing yet may do", () => {
    const host = vm();
    host.configure(only("a"));
    const wire = new Wire(host);
    wire.server(INFO);
    host.configure(only("b"));
    wire.client(CONNECT);
    assertOnly(wire, "b", ["a"]);
  });
});

describe("a change of policy at any byte", () => {
  const stream = Array.from({ length: 12 }, (_, i) => pub(`${"ab"[i % 2]!}.${i}`, "x".repeat(i))).join("");
  /** Where each operation begins, where its line ends, and what it is. */
  const operations: { from: number; line: number; token: string; text: string }[] = [];
  for (let at = 0; at < stream.length;) {
    const line = stream.indexOf("\n", at) + 1;
    const size = Number(/ (\d+)\r\n$/.exec(stream.slice(at, line))![1]);
    const end = line + size + 2;
    operations.push({ from: at, line, token: stream[at + 4]!, text: stream.slice(at, end) });
    at = end;
  }

  it("judges each publish by the policy at its line's end", () => {
    const { host } = connected(only("a"));
    for (let cut = 0; cut <= stream.length; cut++) {
      host.configure(only("a"));
      const wire = Wire.connected(host);
      const first = wire.client(stream.slice(0, cut));
      host.configure(only("b"));
      const wanted = operations.map(({ line, token, text }) => ((line <= cut ? "a" : "b") === token ? text : PING));
      assert.equal(first + wire.client(stream.slice(cut)), wanted.join(""), `cut at ${cut}`);
      wire.connection.close();
    }
  });

  it("enforces after DRY_RUN from the first operation of which nothing has passed", () => {
    const { host } = connected(only("a"));
    for (let cut = 0; cut <= stream.length; cut++) {
      host.configure(only("a", { mode: "DRY_RUN" }));
      const wire = Wire.connected(host);
      const first = wire.client(stream.slice(0, cut));
      assert.equal(first, stream.slice(0, cut));
      host.configure(only("a"));
      if (cut % 2 === 1) tick(host);
      const wanted = operations.map(({ from, token, text }) => (from < cut || token === "a" ? text : PING));
      assert.equal(first + wire.client(stream.slice(cut)), wanted.join(""), `cut at ${cut}`);
      wire.connection.close();
    }
  });

  it("lets a request be answered as often as the rule says, wherever its line or an answer's is cut", () => {
    const responder = (mode: string): object =>
      policyOf({ subscribe: { allow: ["ask.>"] }, allow_responses: { max: 2 } }, { mode });
    const request = msg("ask.1", "1", "?", "_INBOX.9");
    const answer = pub("_INBOX.9");
    for (const text of [request, answer]) {
      for (let cut = 0; cut <= text.length; cut++) {
        const { host, wire } = connected(responder("DRY_RUN"));
        wire.client("SUB ask.1 1\r\n");
        if (text === request) wire.server(text.slice(0, cut));
        else {
          wire.server(request);
          wire.client(text.slice(0, cut));
        }
        host.configure(responder("ENFORCE"));
        if (text === request) wire.server(text.slice(cut));
        else wire.client(text.slice(cut));
        const more = text === request ? answer + answer : answer;
        assert.equal(wire.client(more + answer), more + PING, `cut at ${cut}`);
      }
    }
  });

  it("edits nothing in DRY_RUN from the first operation whose line is not complete", () => {
    const { host } = connected(only("a"));
    for (let cut = 0; cut <= stream.length; cut++) {
      host.configure(only("a"));
      const wire = Wire.connected(host);
      const first = wire.client(stream.slice(0, cut));
      host.configure(only("a", { mode: "DRY_RUN" }));
      const wanted = operations.map(({ line, token, text }) => (line > cut || token === "a" ? text : PING));
      assert.equal(first + wire.client(stream.slice(cut)), wanted.join(""), `cut at ${cut}`);
      const refused = wanted.filter((text) => text === PING).length;
      const texts = wire.server(PONG.repeat(refused));
      assert.equal(texts.split("-ERR").length - 1, refused, `cut at ${cut}`);
      // Nothing is under way now, so a PONG answers the client's own PING.
      assert.equal(wire.client(`${pub("c")}${PING}`), pub("c") + PING);
      assert.equal(wire.server(PONG), PONG);
      wire.connection.close();
    }
  });

  it("leaves INFO whole, whichever way the mode changes before the client has said anything", () => {
    for (const [from, to] of [
      ["DRY_RUN", "ENFORCE"],
      ["ENFORCE", "DRY_RUN"],
    ] as const) {
      const host = vm();
      for (let cut = 0; cut <= INFO.length; cut++) {
        host.configure(only("a", { mode: from }));
        const wire = new Wire(host);
        const first = wire.server(INFO.slice(0, cut));
        host.configure(only("a", { mode: to }));
        tick(host);
        assert.equal(first + wire.server(INFO.slice(cut)), INFO, `${from}, cut at ${cut}`);
        wire.client(CONNECT);
        const forwarded = wire.client(pub("b.x"));
        assert.equal(forwarded, to === "DRY_RUN" ? pub("b.x") : PING);
        wire.connection.close();
      }
    }
  });

  it("names the rules of its own policy on a connection that was already ending", () => {
    const rules = Array.from({ length: 5 }, (_, i) => ({
      name: `rule-${i}`,
      from: [{ principals: ["*"] }],
      subscribe: { allow: [`a.${i}.>`], deny: [`a.${i}.secret`] },
    }));
    const host = vm();
    host.configure({ trustDomains: ["cluster.local"], rules });
    const wire = Wire.connected(host);
    wire.client("SUB a.4.> 1\r\nnonsense\r\n");
    host.configure(only("b"));
    tick(host);
    assert.equal(wire.server(msg("a.4.secret", "1", "x") + msg("a.4.open", "1", "y")), msg("a.4.open", "1", "y"));
    assert.equal(auditOf(host).at(-1)!["rule"], "rule-4");
  });

  it("leaves deliveries whole that began to pass in DRY_RUN", () => {
    const deliveries = msg("s.1", "1", "secret") + msg("o.1", "2", "open") + PONG + msg("s.2", "1", "secret");
    const subscribes = (mode: string): object =>
      policyOf({ subscribe: { allow: ["o.>", "s.>"], deny: ["s.>"] }, publish: { allow: ["a"] } }, { mode });
    const { host } = connected(subscribes("DRY_RUN"));
    const [first, open, second] = [
      msg("s.1", "1", "secret"),
      msg("o.1", "2", "open") + PONG,
      msg("s.2", "1", "secret"),
    ];
    const secondAt = first.length + open.length;
    for (let cut = 0; cut <= deliveries.length; cut++) {
      host.configure(subscribes("DRY_RUN"));
      const wire = Wire.connected(host);
      wire.client(`SUB s.* 1\r\nSUB o.1 2\r\n${PING}`);
      const read = wire.server(deliveries.slice(0, cut));
      host.configure(subscribes("ENFORCE"));
      const rest = wire.server(deliveries.slice(cut)).replace(ended("s.*", "1"), "");
      const wanted = (cut > 0 ? first : "") + open + (cut > secondAt ? second : "");
      assert.equal(read + rest, wanted, `cut at ${cut}`);
      wire.connection.close();
    }
  });
});
