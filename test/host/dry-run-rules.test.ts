import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { filterModule } from "./filter.ts";
import { Host } from "./host.ts";
import { auditOf, CONNECT, hpub, INFO, msg, PING, pub, rawNames, stat, Wire } from "./wire.ts";

const from = [{ principals: ["*"] }];
const orders = { name: "orders", from, publish: { allow: ["ok.>"] }, subscribe: { allow: ["ok.>"] } };
/** Every word that lets a peer do more, each beside what the rule above refuses. */
const tried = {
  name: "tried",
  mode: "DRY_RUN",
  from,
  publish: { allow: ["new.>", "ok.>"] },
  subscribe: { allow: ["new.>"] },
  allow_responses: true,
  replies: "ANY",
  rollup: "ALL",
};
const DRY_RUN_REFUSALS = "istio_nats_dry_run_refusals_total";

function hostWith(mode: string, ...rules: object[]): Host {
  const host = new Host(filterModule());
  assert.ok(host.configure({ mode, trustDomains: ["cluster.local"], rules }).accepted);
  return host;
}

/** Sends what only the words of `tried` allow, one operation for each, and counts those that the filter refuses. */
function refusedOf(host: Host): number {
  const wire = Wire.connected(host);
  wire.client("SUB ok.requests 1\r\n");
  wire.server(msg("ok.requests", "1", "x", "elsewhere.1"));
  const rollup = hpub("ok.a", "NATS/1.0\r\nNats-Rollup: all\r\n\r\n", "x");
  const sent = wire.client(pub("new.a") + "SUB new.a 2\r\n" + pub("elsewhere.1") + pub("ok.a", "", "reply.1") + rollup);
  return sent.split(PING).length - 1;
}

describe("what a rule in DRY_RUN would allow", () => {
  it("is refused as without the rule, and neither counted nor audited as a refusal of the trial", () => {
    assert.equal(refusedOf(hostWith("ENFORCE", orders)), 5);
    const host = hostWith("ENFORCE", orders, tried);
    assert.equal(refusedOf(host), 5);
    assert.ok(!rawNames(host).some((name) => name.includes(DRY_RUN_REFUSALS)));
    assert.ok(!auditOf(host).some(({ event }) => event === "would_refuse"));
  });

  it("lets no peer connect", () => {
    const host = hostWith("ENFORCE", { ...tried, replies: "OWN" });
    const wire = new Wire(host);
    wire.server(INFO);
    wire.client(CONNECT);
    assert.deepEqual(
      auditOf(host).map(({ event }) => event),
      ["connection_refused"],
    );
  });

  it("is what the whole policy would allow, once that is in DRY_RUN itself", () => {
    const without = hostWith("DRY_RUN", orders);
    assert.equal(refusedOf(without), 0);
    assert.equal(stat(without, DRY_RUN_REFUSALS), 5);
    const host = hostWith("DRY_RUN", orders, tried);
    assert.equal(refusedOf(host), 0);
    assert.ok(!rawNames(host).some((name) => name.includes(DRY_RUN_REFUSALS)));
  });
});
