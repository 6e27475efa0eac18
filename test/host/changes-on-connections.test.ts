import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { only, policyOf, vm, connected, assertOnly } from "./changing-policy.ts";
import { CONNECT, INFO, msg, PING, PONG, pub, publishViolation, stat, Wire } from "./wire.ts";

describe("what else changes on an open connection", () => {
  const from = [{ principals: ["*"] }];
  const tried = { name: "tried", from, mode: "DRY_RUN", publish: { deny: ["x"] } };
  const policy = (rules: object[], mode = "ENFORCE"): object => ({ mode, trustDomains: ["cluster.local"], rules });

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
    ] as [object[], object[]][]) {
      const { host, wire } = connected(policy(before));
      wire.client("SUB ask.1 1\r\n");
      wire.server(msg("ask.1", "1", "?", "_INBOX.9"));
      assert.equal(wire.client(answer), answer);
      host.configure(policy(after));
      assert.equal(wire.client(answer + answer + answer), answer + answer + PING);
    }
  });

  it("leaves answers through DRY_RUN and back, though a rule in DRY_RUN has come meanwhile", () => {
    const service = { name: "service", from, subscribe: { allow: ["ask.>"] }, allow_responses: { max: 2 } };
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
    const rule = (name: string, max: number): object => ({
      name,
      from,
      subscribe: { allow: ["ask.>"] },
      allow_responses: { max },
    });
    const answer = pub("_INBOX.9");
    for (const after of [
      policy([rule("many", 5)]),
      policy([rule("many", 5), rule("few", 2)]),
      policy([rule("few", 2), rule("many", 5)]),
      policy([rule("few", 1), rule("many", 5)]),
    ]) {
      const { host, wire } = connected(policy([rule("few", 1), rule("many", 3)]));
      wire.client("SUB ask.1 1\r\n");
      wire.server(msg("ask.1", "1", "?", "_INBOX.9"));
      wire.client(answer);
      wire.server(msg("ask.1", "1", "?", "_INBOX.8"));
      host.configure(after);
      assert.equal(wire.client(answer.repeat(5)), answer.repeat(4) + PING, JSON.stringify(after));
    }
  });

  it("is not that an answer counts as one that a rule in DRY_RUN would refuse, if that came after its request", () => {
    const service = { name: "service", from, subscribe: { allow: ["ask.>"] }, allow_responses: true };
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
    const service = { name: "service", from, subscribe: { allow: ["ask.>", "tell.*"], deny: ["tell.no"] } };
    const answering = { name: "tried", from, mode: "DRY_RUN", allow_responses: { max: 2 } };
    for (const before of [service, { ...service, allow_responses: { max: 1 } }]) {
      const { host, wire } = connected(policy([before, answering]));
      wire.client("SUB ask.1 1\r\nSUB tell.* 2\r\n");
      wire.server(msg("ask.1", "1", "?", "_INBOX.9"));
      const answer = pub("_INBOX.9");
      host.configure(policy([before, answering], "DRY_RUN"));
      assert.equal(wire.client(answer + answer), answer + answer);
      assert.equal(stat(host, "istio_nats_dry_run_refusals_total"), 0);
      assert.equal(wire.client(answer), answer);
      assert.equal(stat(host, "istio_nats_dry_run_refusals_total"), 1);
      // What was enforced is enforced again, the filter of deliveries too, and no answer more is granted.
      host.configure(policy([before, answering]));
      assert.equal(wire.server(msg("tell.no", "2") + msg("tell.a", "2")), msg("tell.a", "2"));
      assert.equal(wire.client(answer), PING);
    }
  });

  it("is that such an answer counts as allowed in DRY_RUN though yet another rule in DRY_RUN came between", () => {
    const service = { name: "service", from, subscribe: { allow: ["ask.>"] } };
    const answering = { name: "answering", from, mode: "DRY_RUN", allow_responses: true };
    const { host, wire } = connected(policy([service, answering]));
    wire.client("SUB ask.1 1\r\n");
    wire.server(msg("ask.1", "1", "?", "_INBOX.9"));
    host.configure(policy([service, answering, tried]));
    wire.client(PING);
    host.configure(policy([service, answering, tried], "DRY_RUN"));
    assert.equal(wire.client(pub("_INBOX.9")), pub("_INBOX.9"));
    assert.equal(stat(host, "istio_nats_dry_run_refusals_total"), 0);
  });

  it("is not that an answer passes which only a rule in DRY_RUN had granted, once that is enforced", () => {
    const service = { name: "service", from, subscribe: { allow: ["ask.>"] } };
    const answering = { name: "answering", from, allow_responses: true };
    const { host, wire } = connected(policy([service, { ...answering, mode: "DRY_RUN" }]));
    wire.client("SUB ask.1 1\r\n");
    wire.server(msg("ask.1", "1", "?", "_INBOX.9"));
    host.configure(policy([service, answering]));
    assert.equal(wire.client(pub("_INBOX.9")), PING);
    wire.server(PONG + msg("ask.1", "1", "?", "_INBOX.8"));
    assert.equal(wire.client(pub("_INBOX.8")), pub("_INBOX.8"));
  });

  it("is not that deliveries are filtered, and maxima counted, where only a rule in DRY_RUN had denied any", () => {
    const service = { name: "service", from, subscribe: { allow: ["tell.*"] } };
    const denying = { name: "denying", from, mode: "DRY_RUN", subscribe: { deny: ["tell.no"] } };
    for (const modes of [["ENFORCE"], ["DRY_RUN", "ENFORCE"]]) {
      const { host, wire } = connected(policy([service, denying]));
      wire.client("SUB tell.* 2\r\n");
      for (const mode of modes) {
        host.configure(policy([service], mode));
        wire.client(PING);
        wire.server(PONG);
      }
      assert.equal(wire.client("UNSUB 2 5\r\n"), "UNSUB 2 5\r\n", modes.join());
    }
  });

  it("leaves a connection's reply subjects within its part of the memory, however many rules with limits come", () => {
    const limits = { memory: 8388608, responses: 1048576 };
    const rules = Array.from({ length: 16 }, (_, i) => ({
      name: `r${i}`,
      from,
      subscribe: { allow: ["ask.>"] },
      allow_responses: { max: 2 + i },
    }));
    const { host, wire } = connected({ ...policy(rules.slice(0, 1)), limits });
    wire.client("SUB ask.1 1\r\n");
    for (let i = 0; i < 4000; i++) wire.server(msg("ask.1", "1", "?", `_INBOX.${i}`));
    host.configure({ ...policy(rules), limits });
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

  it("includes the name of the workload that the proxy serves, which is of the first trust domain", () => {
    const from = (domain: string): object => {
      const rule = { name: "shop", from: [{ principals: [`${domain}/ns/shop/sa/web`] }], publish: { allow: ["a.>"] } };
      return { identity: "WORKLOAD", trustDomains: [domain], rules: [rule] };
    };
    const node = { "xds.node.metadata.NAMESPACE": "shop", "xds.node.metadata.SERVICE_ACCOUNT": "web" };
    const host = vm(undefined, node);
    host.configure(from("old.example"));
    const wire = Wire.connected(host);
    assertOnly(wire, "a", ["b"]);
    host.configure(from("new.example"));
    assertOnly(wire, "a", ["b"]);
  });
});
