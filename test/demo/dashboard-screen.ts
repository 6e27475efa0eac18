import { colours } from "./colours.ts";
import { levels, quantile, rates, total, type Looks } from "./dashboard-numbers.ts";

const BARS = "▁▂▃▄▅▆▇█";
/** How many readings a curve and the durations go back. A line then has 80 columns, as the narrowest terminals have. */
export const HISTORY = 16;
/** Columns for the title of a line. */
const SUBJECT = 24;
/** A namespace and a service account of the demo. */
const CLIENT = 15;
/** The longest reason, too_many_subscriptions. */
const REASON = 22;
const TRUST_DOMAIN = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/(.+)$/;
const PAYLOADS = ["PUB", "HPUB", "MSG", "HMSG"];

/** The latest values of one number, as a row of bars. The highest value fills its bar. */
export function sparkline(values: readonly number[]): string {
  const highest = Math.max(...values, 0);
  const bar = (value: number): string =>
    highest === 0 ? BARS[0]! : BARS[Math.min(BARS.length - 1, Math.floor((value / highest) * BARS.length))]!;
  return values.map(bar).join("");
}

function rounded(value: number | undefined): string {
  if (value === undefined) return "-";
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

/** The namespace and service account of a mesh identity, or otherwise the whole of it. */
function nameOf(principal: string): string {
  const [, namespace, account] = TRUST_DOMAIN.exec(principal) ?? [];
  return namespace === undefined ? principal : `${namespace}/${account ?? ""}`;
}

/** The end of a text that is too long, which tells service accounts apart. */
function tail(text: string, width: number): string {
  return text.length <= width ? text : `…${text.slice(1 - width)}`;
}

interface Column {
  title: string;
  width: number;
}

function line(columns: readonly Column[], cells: readonly string[]): string {
  return columns
    .map(({ width }, i) =>
      i === 0 ? (cells[i] ?? "").slice(0, width).padEnd(width) : (cells[i] ?? "").padStart(width),
    )
    .join("  ");
}

function table(title: string, columns: readonly Column[], rows: readonly string[][]): string[] {
  const names = columns.map((column) => column.title);
  return ["", colours.bold(line(columns, [title, ...names.slice(1)])), ...rows.map((cells) => line(columns, cells))];
}

/** What NATS Mesh and NATS Access show in Grafana, in a terminal, with one screen for each reading of Envoy's stats. */
export class Screen {
  readonly #history = new Map<string, number[]>();

  /** The lines of the next screen. */
  draw(looks: Looks): string[] {
    return [
      ...this.#head(looks),
      ...this.#clients(looks),
      ...this.#subjects(looks),
      ...Screen.#refusals(looks),
      ...Screen.#unreadable(looks),
    ];
  }

  #head(looks: Looks): string[] {
    const policies = [...levels(looks, "istio_nats_policy_info", ["mode", "policy", "version"])]
      .filter(([, inForce]) => inForce > 0)
      .map(([policy]) => policy);
    const [connections, subscriptions] = ["connections", "subscriptions"].map((what) =>
      total(levels(looks, `istio_nats_${what}_active`)).toFixed(0),
    );
    const memory = total(levels(looks, "istio_nats_memory_bytes")) / 1024;
    return [
      `${colours.bold("istio-nats")}  ${connections ?? ""} connections  ${subscriptions ?? ""} subscriptions  ${rounded(memory)} KiB held`,
      `policy in force: ${policies.join("; ") || "none"}`,
    ];
  }

  #clients(looks: Looks): string[] {
    const columns = [
      { title: "client", width: SUBJECT },
      { title: "msg/s", width: 7 },
      { title: "KiB/s", width: 7 },
      { title: "refused/s", width: 9 },
      { title: "p99 ms", width: 7 },
      { title: "messages", width: HISTORY },
    ];
    const by = ["source_principal"];
    const bytes = rates(looks, "istio_nats_bytes_total", by);
    const refused = rates(looks, "istio_nats_refusals_total", by);
    const messages = this.#messages(looks, by);
    const rows = [...new Set([...messages.keys(), ...refused.keys()])]
      .sort()
      .map((principal) => [
        nameOf(principal),
        rounded(messages.get(principal) ?? 0),
        rounded((bytes.get(principal) ?? 0) / 1024),
        rounded(refused.get(principal) ?? 0),
        rounded(quantile(looks, "istio_nats_request_duration_milliseconds", 0.99, { source_principal: principal })),
        this.#remembered(`client ${principal}`, messages.get(principal) ?? 0),
      ]);
    return table("client", columns, rows);
  }

  #subjects(looks: Looks): string[] {
    const columns = [
      { title: "subject class", width: SUBJECT },
      { title: "msg/s", width: 7 },
      { title: "p50 ms", width: 7 },
      { title: "p99 ms", width: 9 },
      { title: "503/s", width: 7 },
      { title: "messages", width: HISTORY },
    ];
    const messages = this.#messages(looks, ["subject"]);
    const silent = rates(looks, "istio_nats_no_responders_total", ["subject"]);
    const rows = [...messages.keys()].sort().map((subject) => {
      const duration = (part: number): string =>
        rounded(quantile(looks, "istio_nats_request_duration_milliseconds", part, { subject }));
      return [
        subject,
        rounded(messages.get(subject)),
        duration(0.5),
        duration(0.99),
        rounded(silent.get(subject) ?? 0),
        this.#remembered(`subject ${subject}`, messages.get(subject) ?? 0),
      ];
    });
    return table("subject class", columns, rows);
  }

  static #refusals(looks: Looks): string[] {
    const columns = [
      { title: "refused, by rule", width: 22 },
      { title: "client", width: CLIENT },
      { title: "op", width: 7 },
      { title: "reason", width: REASON },
      { title: "count", width: 6 },
    ];
    const by = ["rule", "source_principal", "operation", "reason"];
    const some = (name: string, mark: string): string[][] =>
      [...levels(looks, name, by)].map(([key, count]) => {
        const [rule = "", principal = "", operation = "", reason = ""] = key.split(" ");
        return [`${rule}${mark}`, tail(nameOf(principal), CLIENT), operation, reason, count.toFixed(0)];
      });
    const rows = [
      ...some("istio_nats_refusals_total", ""),
      ...some("istio_nats_dry_run_refusals_total", " (dry run)"),
    ].sort(([a = ""], [b = ""]) => (a < b ? -1 : 1));
    return table("refused, by rule", columns, rows);
  }

  /** No refusal counts for these connections. There is no table of them while there is none. */
  static #unreadable(looks: Looks): string[] {
    const columns = [
      { title: "unreadable", width: SUBJECT },
      { title: "kind", width: REASON },
      { title: "count", width: 6 },
    ];
    const rows = [...levels(looks, "istio_nats_protocol_errors_total", ["source_principal", "kind"])].map(
      ([key, count]) => {
        const [principal = "", kind = ""] = key.split(" ");
        return [nameOf(principal), kind, count.toFixed(0)];
      },
    );
    return rows.length === 0 ? [] : table("unreadable", columns, rows);
  }

  /** Payload messages per second, both ways. */
  #messages(looks: Looks, by: string[]): Map<string, number> {
    const together = new Map<string, number>();
    for (const operation of PAYLOADS) {
      for (const [key, rate] of rates(looks, "istio_nats_messages_total", by, { operation, verdict: "allowed" })) {
        together.set(key, (together.get(key) ?? 0) + rate);
      }
    }
    return together;
  }

  #remembered(key: string, value: number): string {
    const values = [...(this.#history.get(key) ?? []), value].slice(-HISTORY);
    this.#history.set(key, values);
    return sparkline(values).padEnd(HISTORY);
  }
}
