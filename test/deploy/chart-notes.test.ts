import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { STATS_TAGS } from "../stand/stats-tags.ts";
import { Chart, LEAST, POLICY } from "./chart.ts";
import { nameOf, only } from "./manifests.ts";

describe("the chart", () => {
  const chart = Chart.ofSuite();

  it("says in its notes how a Service that it does not make names the waypoint", async () => {
    const values = { ...LEAST, form: "waypoint", policy: { ...POLICY, identity: "WAYPOINT" }, waypoint: { name: "w" } };
    const told = await chart.notes({ ...values, broker: { service: { create: false, name: "queues" } } });
    assert.match(told, /^ {2}kubectl label service queues --namespace messaging istio\.io\/use-waypoint=w$/m);
    assert.match(told, /^ {2}service:\n {4}merge:\n {6}metadata:\n {8}labels:\n {10}istio\.io\/use-waypoint: w$/m);
    assert.doesNotMatch(await chart.notes(values), /use-waypoint/);
  });

  it("says in its notes that dry run refuses nothing, and who fails all the same behind the gateway's own TLS", async () => {
    const dryRun = { ...LEAST, policy: { ...POLICY, mode: "DRY_RUN" } };
    const egress = { form: "egress", egress: { host: "nats.corp", tls: true } };
    assert.match(
      await chart.notes({ ...dryRun, ...egress }),
      /lets everything pass \(mode: DRY_RUN\)\.\nClients that obey tls_required/,
    );
    for (const values of [dryRun, { ...dryRun, ...egress, egress: { host: "nats.corp" } }]) {
      const told = await chart.notes(values);
      assert.match(told, /lets everything pass \(mode: DRY_RUN\)\.\n(?:These refuse .*\n(?: {2}- .*\n)+)?\nThe proxy/);
      assert.doesNotMatch(told, /tls_required/);
    }
    assert.doesNotMatch(await chart.notes({ ...LEAST, ...egress }), /lets everything pass|tls_required/);
  });

  it("says in its notes of a dry run what it has made that refuses all the same", async () => {
    const dryRun = { ...LEAST, policy: { ...LEAST.policy, mode: "DRY_RUN" } };
    const told = await chart.notes(dryRun);
    assert.match(
      told,
      /These refuse all the same, .*:\n {2}- PeerAuthentication nats .*\n {2}- AuthorizationPolicy nats-other-ports /,
    );
    assert.doesNotMatch(told, /nats-only-through-waypoint/);
    const waypoint = { ...dryRun, form: "waypoint", policy: { ...dryRun.policy, identity: "WAYPOINT" } };
    assert.match(await chart.notes(waypoint), /\n {2}- AuthorizationPolicy nats-only-through-waypoint /);
    const none = { peerAuthentication: { create: false }, otherPorts: { create: false } };
    assert.doesNotMatch(await chart.notes({ ...dryRun, broker: none }), /all the same/);
    assert.doesNotMatch(await chart.notes(LEAST), /all the same/);
  });

  it("says in its notes whose proxy must know the labels of the stats, unless it has configured that proxy itself", async () => {
    const waypoint = { form: "waypoint", policy: { ...POLICY, identity: "WAYPOINT" } };
    const client = { form: "client", selector: { app: "a" }, policy: { ...POLICY, identity: "WORKLOAD" } };
    const annotation = `  sidecar.istio.io/extraStatTags: ${STATS_TAGS.join()}`;
    for (const [place, form] of [
      [/nats-server's pods:$/m, {}],
      [
        /under spec\.infrastructure\.annotations of the Gateway w,/,
        { ...waypoint, waypoint: { name: "w", create: false } },
      ],
      [/the pods of the egress gateway:$/m, { form: "egress", egress: { host: "nats.corp" } }],
      [/the clients' pods:$/m, client],
    ] as const) {
      const told = await chart.notes({ ...LEAST, ...form });
      assert.match(told, place);
      assert.ok(told.split("\n").includes(annotation), told);
    }
    const made = { ...LEAST, ...waypoint };
    assert.doesNotMatch(await chart.notes(made), /extraStatTags/);
    const { spec } = only(await chart.rendered(made), "Gateway");
    assert.deepEqual(spec["infrastructure"], {
      annotations: { "sidecar.istio.io/extraStatTags": STATS_TAGS.join() },
    });
  });

  it("names the namespace of a waypoint elsewhere, and is refused for a principal that its own does not have", async () => {
    const values = { ...LEAST, form: "waypoint", policy: { ...POLICY, identity: "WAYPOINT" } };
    const principal = "cluster.local/ns/infra/sa/shared";
    const shared = { ...values, waypoint: { create: false, name: "shared", principal } };
    const made = await chart.rendered(shared);
    const { "app.kubernetes.io/name": _, ...labels } = only(made, "Service").metadata.labels!;
    assert.deepEqual(labels, { "istio.io/use-waypoint": "shared", "istio.io/use-waypoint-namespace": "infra" });
    const told = await chart.notes({ ...shared, broker: { service: { create: false } } });
    assert.match(told, / istio\.io\/use-waypoint=shared istio\.io\/use-waypoint-namespace=infra$/m);
    assert.match(told, /^ {10}istio\.io\/use-waypoint: shared\n {10}istio\.io\/use-waypoint-namespace: "infra"$/m);
    assert.match(told, /of the Gateway infra\/shared, which/);

    const own = "mesh.example/ns/messaging/sa/nats-waypoint";
    const ofOwn = await chart.rendered({ ...values, waypoint: { principal: own } });
    assert.equal(only(ofOwn, "Service").metadata.labels!["istio.io/use-waypoint-namespace"], undefined);
    const refused =
      /waypoint\.principal is \S+, but the waypoint that waypoint\.create makes is …\/ns\/messaging\/sa\/nats-w/;
    for (const other of [principal, "cluster.local/ns/messaging/sa/shared"])
      assert.match(await chart.refusal({ ...values, waypoint: { principal: other } }), refused);
    await chart.rendered({ ...LEAST, waypoint: { principal } });
  });

  it("makes only the filter for a waypoint, which cuts nobody off, and says who can bypass it", async () => {
    const broker = { service: { create: false }, peerAuthentication: { create: false }, otherPorts: { create: false } };
    const values = { ...LEAST, form: "waypoint", policy: { ...POLICY, identity: "WAYPOINT" }, broker };
    const alone = { ...values, waypoint: { onlyThrough: { create: false } } };
    assert.deepEqual((await chart.rendered(alone)).map(nameOf).sort(), [
      "Gateway messaging/nats-waypoint",
      "WasmPlugin messaging/istio-nats",
    ]);
    assert.match(await chart.notes(alone), /Clients that connect to a pod of nats-server bypass/);
    assert.match(await chart.notes(alone), /Until then no filter judges them\. This release/);
    assert.ok(
      (await chart.rendered(values)).map(nameOf).includes("AuthorizationPolicy messaging/nats-only-through-waypoint"),
    );
    assert.match(
      await chart.notes(values),
      /Until then the\nAuthorizationPolicy nats-only-through-waypoint denies them\. This release/,
    );
    assert.doesNotMatch(await chart.notes(values), /bypass/);
    assert.match(
      await chart.refusal({ ...values, waypoint: { onlyThrough: { create: "later" } } }),
      /onlyThrough\/create/,
    );
  });
});
