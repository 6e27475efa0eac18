import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { runInNewContext } from "node:vm";
import { stringify } from "yaml";
import { run } from "../../tools/command.ts";
import { findPromtool } from "../../tools/prometheus.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";
import { faultsOf, validatorOf, type ResourceKind } from "./crd.ts";
import { documents, gates, type GateValues } from "./queries.ts";

const ANALYSIS_TEMPLATE: ResourceKind = {
  kind: "AnalysisTemplate",
  version: "v1alpha1",
  module: "github.com/argoproj/argo-rollouts",
  path: ["manifests", "crds", "analysis-template-crd.yaml"],
};
const METRIC_TEMPLATE: ResourceKind = {
  kind: "MetricTemplate",
  version: "v1beta1",
  module: "github.com/fluxcd/flagger",
  path: ["artifacts", "flagger", "crd.yaml"],
};

interface AnalysisTemplate {
  metadata: { namespace?: string };
  spec: { args: { name: string }[]; metrics: object[] };
}

const [analysis] = documents("deploy", "rollouts", "argo-analysis-template.yaml") as [AnalysisTemplate];
const metrics = documents("deploy", "rollouts", "flagger-metric-templates.yaml") as { spec: object }[];

describe("the gates of roll-outs", () => {
  it("are a valid AnalysisTemplate by Argo Rollouts' own CRD", async () => {
    const validate = await validatorOf(ANALYSIS_TEMPLATE);
    assert.deepEqual(faultsOf(validate, analysis), []);
    // The schema notices what Argo would ignore.
    const misspelt = analysis.spec.metrics.map((metric) => ({ ...metric, sucessCondition: "true" }));
    assert.notDeepEqual(faultsOf(validate, { ...analysis, spec: { ...analysis.spec, metrics: misspelt } }), []);
  });

  it("name all arguments that the AnalysisTemplate declares, and no others", () => {
    const declared = analysis.spec.args.map(({ name }) => name);
    const used = [...JSON.stringify(analysis).matchAll(/\{\{args\.([\w-]+)\}\}/g)].map(([, name]) => name!);
    assert.deepEqual([...new Set(used)].sort(), declared.sort());
  });

  it("can be applied into the namespace of any Rollout, since Argo finds an AnalysisTemplate nowhere else", () => {
    assert.equal(analysis.metadata.namespace, undefined);
  });

  it("are valid MetricTemplates by Flagger's own CRD", async () => {
    const validate = await validatorOf(METRIC_TEMPLATE);
    assert.equal(metrics.length, 6);
    for (const template of metrics) {
      assert.deepEqual(faultsOf(validate, template), []);
      assert.notDeepEqual(faultsOf(validate, { ...template, spec: { ...template.spec, interval: "1m" } }), []);
    }
  });
});

type Labels = Record<string, string>;

/** The labels that a form's proxies report with, and what a user tells the gates about it. */
interface Form {
  target: Labels;
  own: Labels;
  values: GateValues;
}

function form(values: GateValues, reporter: string, workload: string): Form {
  return {
    target: { namespace: values.namespace, service_istio_io_canonical_name: values.workload ?? workload },
    own: { reporter, destination_workload: workload, destination_workload_namespace: values.namespace },
    values,
  };
}

const CLIENT = "spiffe://cluster.local/ns/shop/sa/orders-api";
const UNKNOWN = { destination_workload: "unknown", destination_workload_namespace: "unknown" };
const BROKER = form({ namespace: "messaging" }, "destination", "nats");
const EGRESS = form({ namespace: "istio-egress" }, "destination", "istio-egressgateway");
const WAYPOINT = form({ namespace: "messaging", workload: "nats-waypoint" }, "waypoint", "nats-waypoint");
const SIDECAR = form({ namespace: "shop", workload: "orders-api", reporter: "source" }, "source", "orders-api");
const FORMS: Record<string, Form> = {
  "beside nats-server": BROKER,
  "on an egress gateway": EGRESS,
  "in a waypoint": { ...WAYPOINT, own: { ...WAYPOINT.own, ...UNKNOWN } },
  "beside a client": { ...SIDECAR, own: { ...SIDECAR.own, ...UNKNOWN } },
};

interface InputSeries {
  series: string;
  values: string;
}

function series(name: string, labels: Labels, values: string): InputSeries {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return { series: `${name}{${pairs.join(", ")}}`, values };
}

/** Series of a form whose filter has a policy in force. */
function inForce({ target, own }: Form): InputSeries {
  return series("istio_nats_policy_info", { ...target, ...own, policy: "aaaa", mode: "ENFORCE" }, "1x120");
}

const COUNT = "istio_nats_request_duration_milliseconds_count";
const UNANSWERED = "istio_nats_requests_unanswered_total";
/** Whoever asks the client, which is a service too. */
const ASKER = { source_principal: "spiffe://cluster.local/ns/web/sa/storefront", subject: "orders" };

/**
 * Series of a form whose filter refuses a client everything, and whose requests and answers took 400 ms before. One in four of the
 * requests that others send to it has no answer.
 */
function refusing({ target, own }: Form): InputSeries[] {
  const peer = { ...target, ...own, source_principal: CLIENT };
  const buckets = ["request", "service"].map((what) => `istio_nats_${what}_duration_milliseconds_bucket`);
  return [
    series("istio_nats_messages_total", { ...peer, operation: "PUB", verdict: "refused" }, "0+15x120"),
    series("istio_nats_connections_opened_total", { ...peer, verdict: "refused" }, "0+15x120"),
    series("istio_nats_protocol_errors_total", { ...peer, kind: "control_line", mode: "ENFORCE" }, "0+15x120"),
    ...buckets.flatMap((name) => [
      series(name, { ...peer, le: "300" }, "0x120"),
      series(name, { ...peer, le: "500" }, "0+15x120"),
      series(name, { ...peer, le: "+Inf" }, "0+15x120"),
    ]),
    series(COUNT, { ...target, ...own, ...ASKER }, "0+15x120"),
    series(UNANSWERED, { ...target, ...own, ...ASKER, reason: "expired" }, "0+5x120"),
  ];
}

/** Whether Argo takes the answer for a good one. Its conditions are read as JavaScript, and they use nothing that differs. */
function isGood(successCondition: string, result: number[]): boolean {
  return runInNewContext(successCondition, { result, len: (list: number[]) => list.length, isNaN }) as boolean;
}

describe("the answers of the gates", () => {
  let folder: string;

  before(() => {
    folder = makeScratch();
  });

  after(() => removeScratch(folder));

  /** Has promtool evaluate every gate over the series. An answer is the values of its samples, of which there is at most one. */
  async function play(input: InputSeries[], values: GateValues, expected: Record<string, number[]>): Promise<void> {
    const shipped = gates({ principal: CLIENT, ...values });
    assert.deepEqual(shipped.map(({ place }) => place).sort(), Object.keys(expected).sort());
    const tests = shipped.map(({ place, expr }) => ({
      expr,
      eval_time: "20m",
      exp_samples: expected[place]!.map((value) => ({ labels: "{}", value })),
    }));
    const file = join(folder, "gates.yaml");
    const test = { interval: "15s", input_series: input, promql_expr_test: tests };
    writeFileSync(file, stringify({ rule_files: [], fuzzy_compare: true, evaluation_interval: "15s", tests: [test] }));
    const { status, output } = await run(await findPromtool(), ["test", "rules", file]);
    assert.equal(status, 0, output);
  }

  const REFUSED = {
    "Argo's filter-in-force": [1],
    "Argo's refusals": [1],
    "Argo's refused-connections": [120],
    "Argo's protocol-errors": [120],
    "Argo's request-latency-p99": [498],
    "Argo's service-latency-p99": [498],
    "Argo's unanswered-requests": [0.25],
    "Flagger's nats-refusals": [100],
    "Flagger's nats-refused-connections": [60],
    "Flagger's nats-protocol-errors": [60],
    "Flagger's nats-request-latency": [498],
    "Flagger's nats-service-latency": [498],
    "Flagger's nats-unanswered-requests": [25],
  };
  const QUIET = {
    "Argo's filter-in-force": [1],
    "Argo's refusals": [],
    "Argo's refused-connections": [],
    "Argo's protocol-errors": [],
    "Argo's request-latency-p99": [],
    "Argo's service-latency-p99": [],
    "Argo's unanswered-requests": [],
    "Flagger's nats-refusals": [0],
    "Flagger's nats-refused-connections": [0],
    "Flagger's nats-protocol-errors": [0],
    "Flagger's nats-request-latency": [0],
    "Flagger's nats-service-latency": [0],
    "Flagger's nats-unanswered-requests": [0],
  };
  const SILENT = Object.fromEntries(Object.keys(QUIET).map((place) => [place, []]));

  for (const [where, one] of Object.entries(FORMS)) {
    it(`show that the filter ${where} refuses everything`, () =>
      play([inForce(one), ...refusing(one)], one.values, REFUSED));

    it(`show that the filter ${where} has no traffic`, () => play([inForce(one)], one.values, QUIET));

    it(`do not count the filter of others ${where}`, async () => {
      const others = Object.values(FORMS).filter((other) => other !== one);
      // Without a workload, all proxies of a namespace count as one.
      const apart = others.filter(({ target }) => one.values.workload ?? target["namespace"] !== one.values.namespace);
      await play(
        apart.flatMap((other) => [inForce(other), ...refusing(other)]),
        one.values,
        SILENT,
      );
    });
  }

  it("see that one new client was refused, once, as it connected, and see it no more later", async () => {
    const { target, own, values } = BROKER;
    const up = series("up", { ...target, job: "pods", instance: "nats-0" }, "1x120");
    const labels = { ...target, ...own, job: "pods", instance: "nats-0", source_principal: CLIENT, verdict: "refused" };
    const refusedSince = (steps: number): InputSeries =>
      series("istio_nats_connections_opened_total", labels, `_x${steps - 1} 1x${120 - steps}`);
    const once = { ...QUIET, "Argo's refused-connections": [1], "Flagger's nats-refused-connections": [1] };
    await play([inForce(BROKER), up, refusedSince(78)], values, once);
    const later = { ...QUIET, "Argo's refused-connections": [0], "Flagger's nats-refused-connections": [0] };
    await play([inForce(BROKER), up, refusedSince(60)], values, later);
    // A new pod's proxy has refused the client before it was first scraped.
    const fresh = [
      series("up", { ...target, job: "pods", instance: "nats-0" }, "_x77 1x42"),
      series("envoy_server_uptime", { ...target, job: "pods", instance: "nats-0" }, "_x77 9+15x42"),
    ];
    await play([inForce(BROKER), ...fresh, refusedSince(78)], values, once);
  });

  it("see that a connection was ended, once, which was let in, and not that one passes unread or that a client left", async () => {
    const { target, own, values } = BROKER;
    const pod = { ...target, job: "pods", instance: "nats-0" };
    const up = series("up", pod, "1x120");
    const error = (kind: string, mode = "ENFORCE"): InputSeries =>
      series("istio_nats_protocol_errors_total", { ...pod, ...own, source_principal: CLIENT, kind, mode }, "_x77 1x42");
    const once = { ...QUIET, "Argo's protocol-errors": [1], "Flagger's nats-protocol-errors": [1] };
    await play([inForce(BROKER), up, error("control_line")], values, once);
    await play([inForce(BROKER), up, error("unfinished")], values, QUIET);
    await play([inForce(BROKER), up, error("control_line", "DRY_RUN")], values, QUIET);
    // Two plugins of one proxy, of which one enforces its policy.
    await play([inForce(BROKER), up, error("control_line", "DRY_RUN"), error("tls")], values, once);
  });

  it("tell the proxies of one namespace in two clusters apart, and see no other clusters' refusals", async () => {
    const within = (cluster: string): Form => ({ ...BROKER, target: { ...BROKER.target, cluster } });
    const input = [inForce(within("east")), inForce(within("west")), ...refusing(within("west"))];
    await play(input, { ...BROKER.values, cluster: "west" }, REFUSED);
    await play(input, { ...BROKER.values, cluster: "east" }, QUIET);
  });

  it("fail instead of seeing nothing where proxies are scraped too seldom for their interval", async () => {
    // A sample every two minutes.
    const seldom = (input: InputSeries): InputSeries => ({ ...input, values: "1 _x7 ".repeat(15).trim() });
    await play([seldom(inForce(BROKER))], BROKER.values, SILENT);
  });

  it("do not fail because the policy has changed and was scraped only once since", async () => {
    const { target, own, values } = BROKER;
    const policy = (name: string, numbers: string): InputSeries =>
      series("istio_nats_policy_info", { ...target, ...own, policy: name, mode: "ENFORCE" }, numbers);
    // The answers are of 20 minutes, which is the sample after 80 others.
    await play([policy("aaaa", "1x79 0x40"), policy("bbbb", "_x80 1x40")], values, QUIET);
  });

  it("see that a service has begun to hang, and see no more than that", async () => {
    const { target, own, values } = BROKER;
    const of = (name: string, labels: Labels, numbers: string): InputSeries =>
      series(name, { ...target, ...own, ...ASKER, ...labels }, numbers);
    const all = { ...QUIET, "Argo's unanswered-requests": [1], "Flagger's nats-unanswered-requests": [100] };
    const none = { ...QUIET, "Argo's unanswered-requests": [0] };
    // Nobody has waited in vain before. The answers of another class go on.
    const hangs = [
      of(COUNT, {}, "0+15x70 1050x50"),
      of(UNANSWERED, { reason: "expired" }, "_x70 15+15x50"),
      of(COUNT, { subject: "quotes" }, "0+150x120"),
    ];
    await play([inForce(BROKER), ...hangs], { ...values, subject: "orders" }, all);
    await play([inForce(BROKER), ...hangs], values, all);
    await play([inForce(BROKER), ...hangs], { ...values, subject: "quotes" }, QUIET);
    // A requester leaves, and a client publishes with reply subjects on which it expects nothing itself.
    const others = [
      of(COUNT, {}, "0+15x120"),
      of(UNANSWERED, { reason: "closed" }, "0x77 8x43"),
      of(UNANSWERED, { source_principal: "relay", reason: "expired" }, "0+15x120"),
    ];
    await play([inForce(BROKER), ...others], values, QUIET);
    await play([inForce(BROKER), ...others, of(UNANSWERED, { reason: "expired" }, "0x120")], values, none);
  });

  it("are a failure to Argo if everything is refused or the filter is missing, but not if there is no traffic", () => {
    const conditions = gates(BROKER.values).filter(({ successCondition }) => successCondition !== undefined);
    const failing = (answers: Record<string, number[]>): string[] =>
      conditions
        .filter(({ place, successCondition }) => !isGood(successCondition!, answers[place]!))
        .map(({ place }) => place);
    assert.deepEqual(
      failing(REFUSED),
      Object.keys(REFUSED).filter((place) => /^Argo's (?!filter-in-force)/.test(place)),
    );
    assert.deepEqual(failing(QUIET), []);
    assert.deepEqual(failing(SILENT), ["Argo's filter-in-force"]);
  });
});
