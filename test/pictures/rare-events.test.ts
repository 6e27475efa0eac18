import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { increaseFromNothing } from "../../tools/dashboards/queries.ts";
import { read } from "../../tools/paths.ts";
import { QUESTIONS } from "../../tools/telemetry-questions.ts";
import { assertAnswers } from "./promtool-answers.ts";
import { alertQueries, gates, shippedQueries, substitute } from "./queries.ts";

/** Two days, of which the last half hour is asked about, with a sample per minute. */
const MINUTES = 2_880;
const SINCE = MINUTES - 20;

const CHOSEN = new Map([
  ["__range", "30m"],
  ["__range_s", "1800"],
  ["__rate_interval", "5m"],
  ["cluster", ".*"],
  ["qrep", "(destination|waypoint)"],
  ["namespace", "messaging"],
  ["workload", "nats"],
  ["principal", ".+"],
  ["subject", ".+"],
]);

const LABELS =
  'job="pods", instance="nats-0", namespace="messaging", pod="nats-0", reporter="destination", destination_workload_namespace="messaging", destination_workload="nats"';
const CLIENT = `${LABELS}, source_principal="spiffe://cluster.local/ns/shop/sa/workers", subject="orders"`;

const UP = { series: 'up{job="pods", instance="nats-0"}', values: `1x${MINUTES}` };

/** A counter of a client that has stood still since its first event. */
function once(name: string, labels: string): object {
  return { series: `${name}{${CLIENT}, ${labels}}`, values: `_x${SINCE - 1} 1x${MINUTES - SINCE}` };
}

/** A counter of a client that goes on by `step` each minute. */
function steady(name: string, labels: string, step: number): object {
  return { series: `${name}{${CLIENT}, ${labels}}`, values: `0+${step}x${MINUTES}` };
}

function panelsOver(stat: string, pattern: RegExp): string[] {
  return shippedQueries()
    .filter(({ place, expr }) => pattern.test(place) && expr.includes(stat))
    .map(({ expr }) => substitute(expr, CHOSEN));
}

/** Without what PromQL, YAML and Markdown lay out freely. */
function compact(text: string): string {
  return text.replace(/\s/g, "");
}

const SECONDS = { m: 60, h: 3_600, d: 86_400 };

describe("what is written by hand", () => {
  const NEW_SERIES = /(istio_nats_\w+_total(?:\{(?:[^{}]|\{\{[^}]*\}\})*\})?)unless\1offset(\d+)([mhd])/g;

  for (const [place, written, times] of [
    ["deploy/alerts/istio-nats.rules.yaml", read("deploy/alerts/istio-nats.rules.yaml"), 7],
    ["docs/how-to/troubleshoot.md", read("docs/how-to/troubleshoot.md"), 7],
    [
      "deploy/rollouts/",
      gates({ namespace: "messaging" })
        .map(({ expr }) => expr)
        .join("\n"),
      4,
    ],
  ] as const) {
    it(`counts new series in ${place} as the dashboards do`, () => {
      const text = compact(written);
      const found = [...text.matchAll(NEW_SERIES)];
      assert.equal(found.length, times);
      for (const [, selector = "", count = "", unit = ""] of found) {
        const seconds = Number(count) * SECONDS[unit as keyof typeof SECONDS];
        const expected = compact(increaseFromNothing(selector, count + unit, seconds).join(""));
        assert.ok(text.includes(expected), `${place} should have ${expected}`);
      }
    });
  }
});

describe("what has happened seldom or never", () => {
  const answers = (input: object[], expr: string, value: number): Promise<void> =>
    assertAnswers(input, expr, MINUTES, value);

  // So that it is one which every query asks about.
  const refusal = 'operation="SUB", reason="unauthenticated", rule="unknown"';
  for (const [stat, labels] of [
    ["istio_nats_refusals_total", refusal],
    ["istio_nats_dry_run_refusals_total", refusal],
    ["istio_nats_protocol_errors_total", 'kind="control_line"'],
    ["istio_nats_server_errors_total", 'kind="connections"'],
  ] as const) {
    const queries = [
      ...panelsOver(stat, /time"$/),
      ...QUESTIONS.map(({ query }) => query).filter((query) => query.includes(stat)),
      ...alertQueries().filter((query) => query.includes(stat)),
    ];

    it(`is told of ${stat} by every table and every query of the guides, even if it happened once`, async () => {
      assert.ok(queries.length >= 2);
      // Two plugins of one proxy, of which one enforces its policy: what is ended and what passes are asked about apart.
      const modes = stat.includes("protocol_errors") ? ["ENFORCE", "DRY_RUN"] : [""];
      const event = modes.map((mode) => once(stat, `${labels}, mode="${mode}"`));
      const input = [UP, ...event];
      for (const expr of queries) await answers(input, expr, 1);
      // A proxy that started with the event, and one that was only found then.
      const found = { ...UP, values: `_x${SINCE - 1} 1x${MINUTES - SINCE}` };
      const uptime = (values: string): object => ({
        ...found,
        series: UP.series.replace("up", "envoy_server_uptime"),
        values,
      });
      const young = [found, uptime(`_x${SINCE - 1} 0+60x${MINUTES - SINCE}`), ...event];
      const old = [found, uptime(`_x${SINCE - 1} 99999+60x${MINUTES - SINCE}`), ...event];
      for (const expr of queries) {
        await answers(young, expr, 1);
        if (!expr.includes("> 0")) await answers(old, expr, 0);
      }
    });
  }

  it("is 0 in a panel that shows a number, as long as clients connect", async () => {
    const input = [
      steady("istio_nats_connections_opened_total", 'verdict="allowed"', 1),
      steady("istio_nats_messages_total", 'operation="PUB", verdict="allowed"', 1),
    ];
    const queries = [
      ...panelsOver("istio_nats_", /^"(Refused (operations|connections)|Ended as unreadable|A dry run \w+ \w+)"$/),
      ...panelsOver("istio_nats_messages_total", /^"(Refused|Refused operations by subject class)"$/),
    ];
    assert.equal(queries.length, 7);
    for (const expr of queries) await answers(input, expr, 0);
  });

  it("is told of unreadable streams where a policy ended them, and where it let them pass, and not elsewhere", async () => {
    const streams = (mode: string): object =>
      once("istio_nats_protocol_errors_total", `kind="tls", mode=${JSON.stringify(mode)}`);
    const left = steady("istio_nats_protocol_errors_total", 'kind="unfinished", mode="DRY_RUN"', 1);
    const opened = steady("istio_nats_connections_opened_total", 'verdict="allowed"', 1);
    for (const [mode, pattern] of [
      ["ENFORCE", /^"Ended as unreadable/],
      ["DRY_RUN", /^"(A dry run passes unread|Passed unread in a dry run)/],
    ] as const) {
      const queries = panelsOver("istio_nats_protocol_errors_total", pattern);
      assert.equal(queries.length, 2);
      for (const other of ["ENFORCE", "DRY_RUN"]) {
        const input = [UP, streams(other), left, opened];
        for (const expr of queries) await answers(input, `${expr} or vector(0)`, other === mode ? 1 : 0);
      }
    }
  });

  it("is told of a module that istio-agent could not fetch when the pod started, and has not tried again to fetch", async () => {
    const failed =
      'istio_agent_wasm_remote_fetch_count{namespace="messaging", pod="nats-0", result="download_failure"}';
    const input = [{ series: failed, values: `_x${SINCE - 1} 1x${MINUTES - SINCE}` }];
    const queries = [...panelsOver("istio_agent_", /./), ...alertQueries()];
    const asked = queries.filter((query) => query.includes("istio_agent_"));
    assert.equal(asked.length, 2);
    for (const expr of asked) await answers(input, expr, 1);
  });

  it("is 0, or nothing, in every panel while nobody does anything, and never NaN", async () => {
    const idle = (name: string, labels: string): object => steady(name, labels, 0);
    const input = [
      idle("istio_nats_messages_total", 'operation="PUB", verdict="allowed"'),
      idle("istio_nats_messages_total", 'operation="PUB", verdict="refused"'),
      ...["request", "service", "ping_rtt"].flatMap((what) => {
        const name = what === "ping_rtt" ? `istio_nats_${what}` : `istio_nats_${what}_duration`;
        return ["100", "+Inf"].map((le) => idle(`${name}_milliseconds_bucket`, `le="${le}"`));
      }),
    ];
    input.push(idle("istio_nats_policy_info", 'mode="ENFORCE"'));
    input.push(idle("container_cpu_usage_seconds_total", 'container="istio-proxy"'));
    const queries = panelsOver("istio_nats_", /./).filter((expr) => / \/ |histogram_quantile/.test(expr));
    assert.equal(queries.length, 10);
    for (const expr of queries) await answers(input, `(${expr}) or vector(0)`, 0);
  });

  it("does not hide which part of the requests has no answer", async () => {
    const [query = ""] = QUESTIONS.map((one) => one.query).filter((one) => one.includes("requests_unanswered"));
    const expr = substitute(query, CHOSEN);
    const answered = steady("istio_nats_request_duration_milliseconds_count", 'app="nats"', 30);
    const expired = steady("istio_nats_requests_unanswered_total", 'app="nats", reason="expired"', 10);
    const nobody = steady("istio_nats_no_responders_total", 'app="nats"', 15);
    await answers([answered], expr, 0);
    await answers([answered, expired], expr, 0.25);
    await answers([answered, nobody], expr, 1 / 3);
    await answers([answered, expired, nobody], expr, 25 / 55);
    await answers([nobody], expr, 1);
  });
});
