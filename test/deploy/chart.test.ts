import assert from "node:assert/strict";
import { cpSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { stringify } from "yaml";
import { run, type Outcome } from "../../tools/command.ts";
import { deployTools } from "../../tools/deploy-tools.ts";
import { inRoot } from "../../tools/paths.ts";
import { KINDS, type Kind } from "../../tools/image-manifests.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";
import { STATS_TAGS } from "../stand/stats-tags.ts";
import { denied } from "./denial.ts";
import { manifestsIn, manifestsOf, nameOf, only, type Manifest } from "./manifests.ts";

const CHART = inRoot("deploy", "chart");
/** The chart makes no StatefulSet. NATS's own chart does that. */
const CHART_FORMS = ["sidecar", "waypoint", "egress", "client"] as const;

type ChartForm = (typeof CHART_FORMS)[number];

const DIGEST = `sha256:${"a".repeat(64)}`;
const POLICY = {
  trustDomains: ["cluster.local"],
  rules: [{ name: "r", from: [{ principals: ["*"] }], publish: { allow: ["a"] } }],
};
const LEAST = { image: { repository: "registry.example/istio-nats", digest: DIGEST }, policy: POLICY };

function byName(manifests: readonly Manifest[]): Record<string, Manifest> {
  return Object.fromEntries(manifests.map((manifest) => [nameOf(manifest), manifest]));
}

describe("the chart", () => {
  let helm: string;
  let folder: string;

  before(async () => {
    ({ helm } = await deployTools());
    folder = makeScratch();
  });

  after(() => removeScratch(folder));

  /** Runs helm with these values on top of the chart's. Its files stay within the scratch folder. */
  function withValues(command: string[], values: object, files: string[] = []): Promise<Outcome> {
    const file = join(folder, "values.yaml");
    writeFileSync(file, stringify(values));
    const given = [...files, file].flatMap((one) => ["--values", one]);
    const env = { HELM_CACHE_HOME: folder, HELM_CONFIG_HOME: folder, HELM_DATA_HOME: folder };
    return run(helm, [...command, ...given], { env });
  }

  function template(values: object, namespace = "messaging", files: string[] = []): Promise<Outcome> {
    return withValues(["template", "istio-nats", CHART, "--namespace", namespace], values, files);
  }

  async function rendered(values: object, namespace?: string): Promise<Manifest[]> {
    const { status, output } = await template(values, namespace);
    assert.equal(status, 0, output);
    return manifestsIn(output);
  }

  async function refusal(values: object): Promise<string> {
    const { status, output } = await template(values);
    assert.notEqual(status, 0, output);
    return output;
  }

  /** NOTES.txt as an installation shows it. `helm template` leaves it out, so a copy of the chart has it as a manifest. */
  async function notes(values: object): Promise<string> {
    const copy = join(folder, "with-notes");
    cpSync(CHART, copy, { recursive: true });
    const file = join(copy, "templates", "notes.yaml");
    renameSync(join(copy, "templates", "NOTES.txt"), file);
    const text = readFileSync(file, "utf8");
    writeFileSync(
      file,
      `{{ define "notes" }}${text}{{ end }}kind: Notes\nspec: {text: {{ include "notes" . | quote }}}\n`,
    );
    const command = ["template", "istio-nats", copy, "--namespace", "messaging", "--show-only", "templates/notes.yaml"];
    const { status, output } = await withValues(command, values);
    assert.equal(status, 0, output);
    return String(only(manifestsIn(output), "Notes").spec["text"]);
  }

  async function valuesOf(form: ChartForm, kind: Kind): Promise<{ values: object; namespace: string; file: string }> {
    const { metadata, spec } = only(await manifestsOf(form), "WasmPlugin");
    return {
      values: { kind, policy: spec["pluginConfig"] },
      namespace: metadata.namespace!,
      file: join(CHART, "ci", `${form}-values.yaml`),
    };
  }

  for (const form of CHART_FORMS) {
    it(`makes what kustomize makes, in both kinds (${form})`, async () => {
      for (const kind of KINDS) {
        const { values, namespace, file } = await valuesOf(form, kind);
        const { status, output } = await template(values, namespace, [file]);
        assert.equal(status, 0, output);
        assert.deepEqual(byName(manifestsIn(output)), byName(await manifestsOf(form, kind)));
      }
    });

    it(`passes helm lint without a complaint (${form})`, async () => {
      const { values, file } = await valuesOf(form, "WasmPlugin");
      const { status, output } = await withValues(["lint", "--strict", CHART], values, [file]);
      assert.equal(status, 0, output);
      assert.match(output, /0 chart\(s\) failed/);
      assert.doesNotMatch(output, /WARNING|ERROR/);
    });
  }

  it("needs nothing but an image and a policy", async () => {
    const { spec } = only(await rendered(LEAST), "WasmPlugin");
    assert.equal(spec["url"], `oci://registry.example/istio-nats@${DIGEST}`);
    assert.deepEqual(spec["pluginConfig"], POLICY);
  });

  it("is refused without an image, its digest, or a policy", async () => {
    const nameless = await refusal({ policy: POLICY });
    for (const value of [/image\/repository': ''/, /image\/digest': ''/]) assert.match(nameless, value);
    assert.match(await refusal({ ...LEAST, image: { ...LEAST.image, digest: "latest" } }), /image\/digest/);
    assert.match(await refusal({ image: LEAST.image }), /policy.*missing properties 'trustDomains', 'rules'/);
  });

  it("is refused for a policy that the filter would refuse for its structure", async () => {
    const rule = { ...POLICY.rules[0], allowResponses: true };
    assert.match(await refusal({ ...LEAST, policy: { ...POLICY, rules: [rule] } }), /policy\/rules\/0.*allowResponses/);
    const late = { ...POLICY.rules[0], publish: { allow: ["a.>.b"] } };
    assert.match(await refusal({ ...LEAST, policy: { ...POLICY, rules: [late] } }), /policy\/rules\/0\/publish\/allow/);
  });

  it("is refused for a value that it does not know, and for FAIL_OPEN", async () => {
    assert.match(await refusal({ ...LEAST, failstrategy: "FAIL_CLOSE" }), /failstrategy/);
    assert.match(await refusal({ ...LEAST, failStrategy: "FAIL_OPEN" }), /failStrategy/);
    assert.match(await refusal({ ...LEAST, kind: "EnvoyFilter" }), /kind/);
  });

  it("is refused for a key that is left empty, by which Helm would drop a default that nats-server's protection needs", async () => {
    const waypoint = { form: "waypoint", policy: { ...POLICY, identity: "WAYPOINT" } };
    const egress = { form: "egress", egress: { host: "nats.corp" } };
    for (const [missing, values] of [
      ["'': missing property 'broker'", { broker: null }],
      ["'/broker': missing property 'otherPorts'", { broker: { otherPorts: null } }],
      ["'/broker/service': missing property 'name'", { broker: { service: { name: null } } }],
      ["'/broker/peerAuthentication': missing property 'create'", { broker: { peerAuthentication: { create: null } } }],
      ["'/broker/otherPorts': missing property 'create'", { broker: { otherPorts: { create: null } } }],
      ["missing property 'waypoint'", { ...waypoint, waypoint: null }],
      ["'/waypoint': missing property 'name'", { ...waypoint, waypoint: { name: null } }],
      [
        "'/waypoint/onlyThrough': missing property 'create'",
        { ...waypoint, waypoint: { onlyThrough: { create: null } } },
      ],
      ["missing property 'egress'", { ...egress, egress: null }],
      ["'/egress': missing property 'port'", { ...egress, egress: { ...egress.egress, port: null } }],
    ] as const) {
      const said = await refusal({ ...LEAST, ...values });
      assert.ok(said.includes(missing), said);
    }
  });

  it("takes an empty key for nothing where nothing is what it would mean", async () => {
    const otherPorts = { leaves: null, monitors: null, extra: null, principal: null };
    const emptied = { ...LEAST, selector: {}, broker: { selector: null, otherPorts }, waypoint: null, egress: null };
    assert.deepEqual(byName(await rendered(emptied)), byName(await rendered(LEAST)));
  });

  it("is refused if the policy would look for the client in the wrong place", async () => {
    assert.match(await refusal({ ...LEAST, form: "waypoint" }), /identity is PEER, but form: waypoint needs WAYPOINT/);
    const workload = { ...POLICY, identity: "WORKLOAD" };
    assert.match(await refusal({ ...LEAST, policy: workload }), /identity is WORKLOAD, but form: sidecar needs PEER/);
  });

  it("lets no client of an egress gateway be led past it, unless that is requested", async () => {
    const egress = { form: "egress", egress: { host: "nats.corp" } };
    const config = async (values: object): Promise<unknown> =>
      only(await rendered({ ...LEAST, ...values }), "WasmPlugin").spec["pluginConfig"];
    assert.deepEqual(await config(egress), { ...POLICY, connectUrls: "REMOVE" });
    const kept = { ...POLICY, connectUrls: "KEEP" };
    assert.deepEqual(await config({ ...egress, policy: kept }), kept);
    assert.deepEqual(await config({}), POLICY);
  });

  it("has the egress gateway speak TLS to the outside only if that is requested", async () => {
    const egress = { host: "nats.example.com", tls: true };
    const values = { ...LEAST, form: "egress", egress };
    const { spec } = only(await rendered(values, "istio-egress"), "DestinationRule", "nats-outside");
    assert.equal(spec["host"], egress.host);
    assert.deepEqual(spec["trafficPolicy"], {
      portLevelSettings: [{ port: { number: 4222 }, tls: { mode: "SIMPLE", sni: egress.host } }],
    });
    const without = await rendered({ ...values, egress: { host: egress.host } }, "istio-egress");
    assert.deepEqual(
      without.filter(({ kind }) => kind === "DestinationRule").map(({ metadata }) => metadata.name),
      ["nats-egress"],
    );
  });

  it("finds pods by the labels that it is given, and by no others", async () => {
    const labels = { app: "my-nats" };
    const manifests = await rendered({ ...LEAST, broker: { selector: labels } });
    for (const kind of ["WasmPlugin", "PeerAuthentication", "AuthorizationPolicy"]) {
      assert.deepEqual(only(manifests, kind).spec["selector"], { matchLabels: labels }, kind);
    }
    assert.deepEqual(only(manifests, "Service").spec["selector"], labels);
    const [plugin] = await rendered({
      ...LEAST,
      form: "client",
      selector: labels,
      policy: { ...POLICY, identity: "WORKLOAD" },
    });
    assert.deepEqual(plugin!.spec["selector"], { matchLabels: labels });
  });

  it("is refused if the filter would be beside other pods than those that its broker's objects are for", async () => {
    const selector = { "app.kubernetes.io/name": "queues" };
    const apart =
      /selector has app\.kubernetes\.io\/name: queues, but the objects of broker are for pods with \S+ nats: /;
    assert.match(await refusal({ ...LEAST, selector }), apart);
    const [service, peerAuthentication, otherPorts] = Array.from({ length: 3 }, () => ({ create: false }));
    assert.match(await refusal({ ...LEAST, selector, broker: { service, peerAuthentication } }), apart);
    await rendered({ ...LEAST, selector, broker: { service, peerAuthentication, otherPorts } });
    await rendered({ ...LEAST, selector, broker: { selector } });
    await rendered({
      ...LEAST,
      selector: { ...selector, tier: "0123" },
      broker: { selector: { ...selector, app: "a" } },
    });
    const client = { form: "client", policy: { ...POLICY, identity: "WORKLOAD" } };
    for (const form of [client, { form: "egress", egress: { host: "nats.corp" } }])
      await rendered({ ...LEAST, ...form, selector });
  });

  it("is refused for clients that nobody names", async () => {
    const values = { ...LEAST, form: "client", policy: { ...POLICY, identity: "WORKLOAD" } };
    assert.match(await refusal(values), /selector is empty/);
  });

  it("is refused for an egress gateway that leads nowhere", async () => {
    assert.match(await refusal({ ...LEAST, form: "egress" }), /egress\.host is empty/);
  });

  it("is refused for an egress gateway in another namespace, where the filter would not be", async () => {
    const values = (gateway?: string): object => ({ ...LEAST, form: "egress", egress: { host: "nats.corp", gateway } });
    for (const gateway of [
      "gw.istio-egress.svc.cluster.local",
      "gw.messaging",
      "gw.messaging.svc",
      "gw.x.messaging.svc.y",
    ])
      assert.match(
        await refusal(values(gateway)),
        /egress\.gateway is \S+, but the filter is for a gateway in the rel/,
        gateway,
      );
    for (const [given, host] of [
      [undefined, "istio-egressgateway.messaging.svc.cluster.local"],
      ["", "istio-egressgateway.messaging.svc.cluster.local"],
      ["gw", "gw"],
      ["gw.messaging.svc.corp.example", "gw.messaging.svc.corp.example"],
    ]) {
      const manifests = await rendered(values(given));
      const { tcp } = only(manifests, "VirtualService").spec as {
        tcp: { route: { destination: { host: string } }[] }[];
      };
      assert.equal(tcp[0]!.route[0]!.destination.host, host);
      assert.equal(only(manifests, "DestinationRule").spec["host"], host);
    }
  });

  it("is refused for an outside host that is not a DNS name", async () => {
    const host = (name: string): object => ({ ...LEAST, form: "egress", egress: { host: name } });
    for (const name of [
      "*.example.com",
      "https://nats.example.com",
      "10.0.0.1",
      "nats",
      "a.example:4222",
      "-a.example",
    ]) {
      assert.match(await refusal(host(name)), /egress\/host/, name);
    }
    for (const name of ["nats.corp", "a1.xn--p1ai", "connect.ngs.global"]) {
      assert.ok(JSON.stringify(await rendered(host(name))).includes(`"sni":"${name}"`), name);
    }
  });

  it("is refused for a name that Kubernetes would not take", async () => {
    for (const name of ["Nats", "nats.messaging", "4nats", "nats-", ""]) {
      assert.match(await refusal({ ...LEAST, broker: { service: { name } } }), /broker\/service\/name/, name);
      assert.match(await refusal({ ...LEAST, waypoint: { name } }), /waypoint\/name/, name);
    }
    assert.match(await refusal({ ...LEAST, broker: { otherPorts: { name: "Other" } } }), /otherPorts\/name/);
    assert.match(
      await refusal({ ...LEAST, broker: { peerAuthentication: { name: "N" } } }),
      /peerAuthentication\/name/,
    );
    assert.match(
      await refusal({ ...LEAST, form: "egress", egress: { gateway: "https://gateway" } }),
      /egress\/gateway/,
    );
  });

  it("is refused for a port that it would name twice, which Kubernetes does not take", async () => {
    for (const kind of KINDS) assert.match(await refusal({ ...LEAST, kind, ports: [4222, 4222] }), /'\/ports'/);
  });

  it("is refused for labels that no pod can have, and takes those that one can have", async () => {
    for (const labels of [
      { app: "my nats" },
      { app: "nats*" },
      { app: "-a" },
      { app: "a".repeat(64) },
      { "a/b/c": "" },
    ]) {
      assert.match(await refusal({ ...LEAST, broker: { selector: labels } }), /'\/broker\/selector/);
      assert.match(await refusal({ ...LEAST, selector: labels }), /'\/selector/);
    }
    const selector = { "app.kubernetes.io/name": "My_nats.2", empty: "", 0: "1e3", long: "a".repeat(63) };
    const [service] = await rendered({ ...LEAST, broker: { selector } });
    assert.deepEqual(service!.spec["selector"], selector);
  });

  it("is refused for a name in whose parts something is missing, or that no Secret and no host can have", async () => {
    const long = "a".repeat(64);
    for (const name of ["a..b", "a.-b", "a-.b"]) {
      assert.match(await refusal({ ...LEAST, name }), /'\/name'/, name);
      assert.match(await refusal({ ...LEAST, broker: { otherPorts: { name } } }), /otherPorts\/name/, name);
      assert.match(await refusal({ ...LEAST, image: { ...LEAST.image, pullSecret: name } }), /image\/pullSecret/, name);
    }
    await rendered({ ...LEAST, name: "a.b-c.4", image: { ...LEAST.image, pullSecret: "regcred.v2" } });
    assert.match(await refusal({ ...LEAST, image: { ...LEAST.image, pullSecret: "a b" } }), /image\/pullSecret/);
    const egress = (values: object): object => ({ ...LEAST, form: "egress", egress: { host: "nats.corp", ...values } });
    assert.match(await refusal(egress({ host: `${long}.corp` })), /egress\/host/);
    assert.match(await refusal(egress({ gateway: `${long}.messaging.svc.cluster.local` })), /egress\/gateway/);
    await rendered(egress({ host: `${long.slice(1)}.corp` }));
  });

  it("is refused for ports that lack the one on which its objects accept clients", async () => {
    const policy = { ...POLICY, identity: "WAYPOINT" };
    const egress = { ...LEAST, form: "egress", egress: { host: "nats.corp" } };
    assert.match(
      await refusal({ ...egress, ports: [4333] }),
      /ports lacks 4222, on which the Gateway nats-egress accepts/,
    );
    for (const form of [{}, { form: "waypoint", policy }]) {
      const values = { ...LEAST, ...form, ports: [14222] };
      assert.match(
        await refusal(values),
        /ports lacks 4222, on which the Service nats of broker.service accepts clients/,
      );
      await rendered({ ...values, broker: { service: { create: false } } });
    }
    await rendered({ ...egress, ports: [4222, 4333] });
    const client = { form: "client", selector: { app: "shop" }, policy: { ...POLICY, identity: "WORKLOAD" } };
    await rendered({ ...LEAST, ...client, ports: [14222] });
  });

  it("is refused for a port of clients on which nats-server takes something else", async () => {
    for (const port of [6222, 7222, 7422, 8222])
      assert.match(
        await refusal({ ...LEAST, ports: [4222, port] }),
        new RegExp(`ports names ${port}, on which nats-server`),
      );
  });

  it("is refused for a principal that no certificate has", async () => {
    const astray = [
      "spiffe://cluster.local/ns/edge/sa/leaf",
      "edge/leaf",
      "prometheus",
      "*",
      "a/ns/*/sa/b",
      "a/ns/b/sa/c ",
    ];
    const places: [place: RegExp, values: (principal: string) => object][] = [
      [/otherPorts\/principal/, (principal) => ({ broker: { otherPorts: { principal } } })],
      [/otherPorts\/leaves\/0/, (principal) => ({ broker: { otherPorts: { leaves: [principal] } } })],
      [/otherPorts\/monitors\/0/, (principal) => ({ broker: { otherPorts: { monitors: [principal] } } })],
      [
        /otherPorts\/extra\/0\/principals\/0/,
        (principal) => ({ broker: { otherPorts: { extra: [{ port: 7777, principals: [principal] }] } } }),
      ],
      [/waypoint\/principal/, (principal) => ({ waypoint: { principal } })],
    ];
    for (const [place, values] of places) {
      for (const principal of astray) assert.match(await refusal({ ...LEAST, ...values(principal) }), place, principal);
      await rendered({ ...LEAST, ...values("cluster.local/ns/edge/sa/leaf.v2") });
    }
    const every = "cluster.local/ns/edge/sa/*";
    await rendered({ ...LEAST, broker: { otherPorts: { leaves: [every], monitors: [every] } } });
    assert.match(await refusal({ ...LEAST, broker: { otherPorts: { principal: every } } }), /otherPorts\/principal/);
  });

  it("shares no object with another release in the same namespace that has other names, in any form", async () => {
    const forms = (name: string): object[] => [
      { selector: { app: name } },
      { form: "waypoint", policy: { ...POLICY, identity: "WAYPOINT" } },
      { form: "egress", selector: { istio: name }, egress: { name, host: `${name}.corp`, gateway: name, tls: true } },
      { form: "client", selector: { app: name }, policy: { ...POLICY, identity: "WORKLOAD" } },
    ];
    const release = async (name: string, values: object): Promise<Manifest[]> => {
      const broker = { selector: { app: name }, service: { name }, peerAuthentication: { name }, otherPorts: { name } };
      const waypoint = { name: `${name}-waypoint`, onlyThrough: { name: `${name}-only` } };
      return rendered({ ...LEAST, name, broker, waypoint, ...values });
    };
    for (const [i, ones] of forms("one").entries()) {
      const [one, two] = [await release("one", ones), await release("two", forms("two")[i]!)];
      const names = [...one, ...two].map(nameOf);
      assert.equal(new Set(names).size, names.length, names.join());
      assert.equal(one.length, two.length);
    }
    const { gateways, tcp } = only(await release("one", forms("one")[2]!), "VirtualService").spec as {
      gateways: string[];
      tcp: { match: { gateways: string[] }[] }[];
    };
    assert.deepEqual(gateways, ["mesh", "one-egress"]);
    assert.deepEqual(tcp.map(({ match }) => match[0]!.gateways).flat(), gateways);
  });

  it("is refused if both of its AuthorizationPolicies would have one name", async () => {
    const values = { ...LEAST, form: "waypoint", policy: { ...POLICY, identity: "WAYPOINT" } };
    const otherPorts = { name: "nats-only-through-waypoint" };
    assert.match(
      await refusal({ ...values, broker: { otherPorts } }),
      /have the same name, nats-only-through-waypoint/,
    );
    await rendered({ ...values, broker: { otherPorts }, waypoint: { onlyThrough: { create: false } } });
    await rendered({ ...LEAST, broker: { otherPorts } });
  });

  it("has its own names where a value is missing that an older chart did not have", async () => {
    const waypoint = { ...LEAST, form: "waypoint", policy: { ...POLICY, identity: "WAYPOINT" } };
    const egress = { ...LEAST, form: "egress", egress: { host: "nats.corp", tls: true } };
    for (const [values, lacking] of [
      [waypoint, { ...waypoint, waypoint: { onlyThrough: { name: null } } }],
      [egress, { ...egress, egress: { ...egress.egress, name: null } }],
    ] as const)
      assert.deepEqual(await rendered(lacking), await rendered(values));
  });

  it("says in its notes how a Service that it does not make names the waypoint", async () => {
    const values = { ...LEAST, form: "waypoint", policy: { ...POLICY, identity: "WAYPOINT" }, waypoint: { name: "w" } };
    const told = await notes({ ...values, broker: { service: { create: false, name: "queues" } } });
    assert.match(told, /^ {2}kubectl label service queues --namespace messaging istio\.io\/use-waypoint=w$/m);
    assert.match(told, /^ {2}service:\n {4}merge:\n {6}metadata:\n {8}labels:\n {10}istio\.io\/use-waypoint: w$/m);
    assert.doesNotMatch(await notes(values), /use-waypoint/);
  });

  it("names the namespace of a waypoint elsewhere, and is refused for a principal that its own waypoint does not have", async () => {
    const values = { ...LEAST, form: "waypoint", policy: { ...POLICY, identity: "WAYPOINT" } };
    const principal = "cluster.local/ns/infra/sa/shared";
    const shared = { ...values, waypoint: { create: false, name: "shared", principal } };
    const made = await rendered(shared);
    const { "app.kubernetes.io/name": _, ...labels } = only(made, "Service").metadata.labels!;
    assert.deepEqual(labels, { "istio.io/use-waypoint": "shared", "istio.io/use-waypoint-namespace": "infra" });
    const told = await notes({ ...shared, broker: { service: { create: false } } });
    assert.match(told, / istio\.io\/use-waypoint=shared istio\.io\/use-waypoint-namespace=infra$/m);
    assert.match(told, /^ {10}istio\.io\/use-waypoint: shared\n {10}istio\.io\/use-waypoint-namespace: "infra"$/m);
    assert.match(told, /of the Gateway infra\/shared, which/);

    const own = "mesh.example/ns/messaging/sa/nats-waypoint";
    const ofOwn = await rendered({ ...values, waypoint: { principal: own } });
    assert.equal(only(ofOwn, "Service").metadata.labels!["istio.io/use-waypoint-namespace"], undefined);
    const refused =
      /waypoint\.principal is \S+, but the waypoint that waypoint\.create makes is …\/ns\/messaging\/sa\/nats-w/;
    for (const other of [principal, "cluster.local/ns/messaging/sa/shared"])
      assert.match(await refusal({ ...values, waypoint: { principal: other } }), refused);
    await rendered({ ...LEAST, waypoint: { principal } });
  });

  it("says in its notes that nothing is refused in dry run, and who fails all the same behind TLS of the gateway's own", async () => {
    const dryRun = { ...LEAST, policy: { ...POLICY, mode: "DRY_RUN" } };
    const egress = { form: "egress", egress: { host: "nats.corp", tls: true } };
    assert.match(
      await notes({ ...dryRun, ...egress }),
      /lets everything pass \(mode: DRY_RUN\)\.\nClients that obey tls_required/,
    );
    for (const values of [dryRun, { ...dryRun, ...egress, egress: { host: "nats.corp" } }]) {
      const told = await notes(values);
      assert.match(told, /lets everything pass \(mode: DRY_RUN\)\.\n\nThe proxy/);
      assert.doesNotMatch(told, /tls_required/);
    }
    assert.doesNotMatch(await notes({ ...LEAST, ...egress }), /lets everything pass|tls_required/);
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
      const told = await notes({ ...LEAST, ...form });
      assert.match(told, place);
      assert.ok(told.split("\n").includes(annotation), told);
    }
    const made = { ...LEAST, ...waypoint };
    assert.doesNotMatch(await notes(made), /extraStatTags/);
    const { spec } = only(await rendered(made), "Gateway");
    assert.deepEqual(spec["infrastructure"], {
      annotations: { "sidecar.istio.io/extraStatTags": STATS_TAGS.join() },
    });
  });

  it("names the broker by the release's namespace and the mesh's own trust domain", async () => {
    const values = { ...LEAST, policy: { ...POLICY, trustDomains: ["mesh.example", "cluster.local"] } };
    const { rules } = only(await rendered(values, "queues"), "AuthorizationPolicy").spec as {
      rules: { from: { source: { notPrincipals: string[] } }[] }[];
    };
    for (const { from } of rules) {
      assert.deepEqual(from[0]!.source.notPrincipals, ["mesh.example/ns/queues/sa/nats"]);
    }
  });

  it("opens other ports to the peers that it is given, and always to the broker", async () => {
    const exporter = { port: 7777, principals: ["cluster.local/ns/monitoring/sa/prometheus"] };
    const otherPorts = {
      leaves: ["cluster.local/ns/edge/sa/nats-leaf"],
      extra: [exporter, { port: 9999, principals: [] }],
    };
    const policies = [only(await rendered({ ...LEAST, broker: { otherPorts } }), "AuthorizationPolicy")];
    const reached = (who: string): number[] =>
      [4222, 6222, 7422, 7777, 8222, 9999].filter((port) => !denied(policies, port, who));
    assert.deepEqual(reached("cluster.local/ns/monitoring/sa/prometheus"), [4222, 7777]);
    assert.deepEqual(reached("cluster.local/ns/edge/sa/nats-leaf"), [4222, 7422]);
    assert.deepEqual(reached("cluster.local/ns/messaging/sa/nats"), [4222, 6222, 7422, 7777, 8222, 9999]);
  });

  it("is refused for another port that is named twice, or is not one of the other ports", async () => {
    const extra = (...ports: number[]): object => ({
      ...LEAST,
      broker: { otherPorts: { extra: ports.map((port) => ({ port, principals: [] })) } },
    });
    assert.match(await refusal(extra(7777, 7777)), /names port 7777, which is already named/);
    assert.match(await refusal(extra(4222)), /names port 4222, which is already named/);
    assert.match(await refusal(extra(8222)), /otherPorts\/extra\/0\/port/);
    assert.match(await refusal({ ...LEAST, broker: { otherPorts: { extra: [{ port: 7777 }] } } }), /principals/);
  });

  it("accepts clients on every port that it is given, and only through the waypoint if there is one", async () => {
    const values = { ...LEAST, ports: [4222, 14222] };
    const sidecar = [only(await rendered(values), "AuthorizationPolicy")];
    const policy = { ...POLICY, identity: "WAYPOINT" };
    const waypoint = (await rendered({ ...values, form: "waypoint", policy })).filter(
      ({ kind }) => kind === "AuthorizationPolicy",
    );
    for (const port of values.ports) {
      assert.equal(denied(sidecar, port, "cluster.local/ns/shop/sa/orders-api"), false);
      assert.equal(denied(waypoint, port, "cluster.local/ns/shop/sa/orders-api"), true);
      assert.equal(denied(waypoint, port, "cluster.local/ns/messaging/sa/nats-waypoint"), false);
    }
  });

  it("keeps large numbers of the policy unchanged", async () => {
    const limits = { memory: 536_870_912, payload: 8_388_608 };
    const { spec } = only(await rendered({ ...LEAST, policy: { ...POLICY, limits } }), "WasmPlugin");
    assert.deepEqual(spec["pluginConfig"], { ...POLICY, limits });
  });

  it("is switched on and off by the condition of a chart that holds it, and by itself is not", async () => {
    const outer = join(folder, "outer");
    cpSync(CHART, join(outer, "charts", "istio-nats"), { recursive: true });
    const dependencies = [{ name: "istio-nats", version: "*", condition: "istio-nats.enabled" }];
    writeFileSync(
      join(outer, "Chart.yaml"),
      stringify({ apiVersion: "v2", name: "outer", version: "1.0.0", dependencies }),
    );
    const within = async (enabled: boolean): Promise<Manifest[]> => {
      const { status, output } = await withValues(["template", "o", outer], { "istio-nats": { ...LEAST, enabled } });
      assert.equal(status, 0, output);
      return manifestsIn(output);
    };
    assert.deepEqual((await within(true)).map(nameOf), (await rendered(LEAST, "default")).map(nameOf));
    assert.deepEqual(await within(false), []);
    assert.match(await refusal({ ...LEAST, enabled: false }), /enabled is false, but only the `condition`/);
  });

  it("writes names of digits alone as texts", async () => {
    const waypoint = { form: "waypoint", policy: { ...POLICY, identity: "WAYPOINT" } };
    for (const form of [{}, waypoint, { form: "egress", egress: { host: "nats.corp", tls: true } }]) {
      const made = await rendered({ ...LEAST, ...form, image: { ...LEAST.image, pullSecret: "42" } }, "1234");
      for (const { metadata } of made) assert.equal(metadata.namespace, "1234");
      assert.equal(only(made, "WasmPlugin").spec["imagePullSecret"], "42");
    }
  });

  it("leaves out what NATS's own chart makes", async () => {
    const broker = { service: { create: false }, peerAuthentication: { create: false }, otherPorts: { create: false } };
    assert.deepEqual((await rendered({ ...LEAST, broker })).map(nameOf), ["WasmPlugin messaging/istio-nats"]);
  });

  it("makes only the filter for a waypoint, which cuts nobody off, and says who can bypass it", async () => {
    const broker = { service: { create: false }, peerAuthentication: { create: false }, otherPorts: { create: false } };
    const values = { ...LEAST, form: "waypoint", policy: { ...POLICY, identity: "WAYPOINT" }, broker };
    const alone = { ...values, waypoint: { onlyThrough: { create: false } } };
    assert.deepEqual((await rendered(alone)).map(nameOf).sort(), [
      "Gateway messaging/nats-waypoint",
      "WasmPlugin messaging/istio-nats",
    ]);
    assert.match(await notes(alone), /Clients that connect to a pod of nats-server bypass/);
    assert.match(await notes(alone), /Until then no filter judges them\. This release/);
    assert.ok(
      (await rendered(values)).map(nameOf).includes("AuthorizationPolicy messaging/nats-only-through-waypoint"),
    );
    assert.match(
      await notes(values),
      /Until then the\nAuthorizationPolicy nats-only-through-waypoint denies them\. This release/,
    );
    assert.doesNotMatch(await notes(values), /bypass/);
    assert.match(await refusal({ ...values, waypoint: { onlyThrough: { create: "later" } } }), /onlyThrough\/create/);
  });
});
