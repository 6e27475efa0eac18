import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { only, policyOf, vm, tick, connected, ended } from "./changing-policy.ts";
import { auditOf, CONNECT, INFO, msg, PING, PONG, pub, Wire } from "./wire.ts";

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
