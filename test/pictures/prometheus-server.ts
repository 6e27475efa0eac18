import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { findPrometheus } from "../../tools/prometheus.ts";
import { Child } from "../stand/child.ts";
import { readyOrStopped } from "../stand/started.ts";
import { waitFor } from "../stand/wait.ts";

/** A target whose `/stats/prometheus` is scraped, with the labels that Kubernetes' service discovery would add. */
export interface Target {
  /** `127.0.0.1:port`. */
  address: string;
  labels: Record<string, string>;
}

export interface Series {
  metric: Record<string, string>;
  value: number;
}

export interface Alert {
  labels: Record<string, string>;
  state: "pending" | "firing";
}

export interface Rule {
  name: string;
  type: "recording" | "alerting";
  health: "ok" | "unknown" | "err";
  lastError?: string;
}

/** A node of Prometheus' own syntax tree (`/api/v1/parse_query`). */
export interface SyntaxNode {
  type: string;
  name?: string;
  matchers?: { name: string; type: string; value: string }[];
  [part: string]: unknown;
}

interface Answer<T> {
  status: "success" | "error";
  error?: string;
  data: T;
}

const LISTENING = /"?Listening on"? .*?address=127\.0\.0\.1:(\d+)/;

/** The scrape configuration for targets whose proxies are read themselves, as Istio's add-on calls it. */
export function scraping(targets: readonly Target[]): object {
  return {
    job_name: "kubernetes-pods",
    metrics_path: "/stats/prometheus",
    static_configs: targets.map(({ address, labels }) => ({ targets: [address], labels })),
  };
}

/** A real Prometheus on a port that the kernel chose. It scrapes and evaluates every second. */
export class PrometheusServer {
  readonly #child: Child;
  #port = 0;

  private constructor(child: Child) {
    this.#child = child;
  }

  /** Starts it with its files in `folder`, which is its own, and waits until it is ready. */
  static async start(
    folder: string,
    scrapeConfigs: readonly object[],
    ruleFiles: readonly string[] = [],
  ): Promise<PrometheusServer> {
    const config = {
      global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
      rule_files: ruleFiles,
      scrape_configs: scrapeConfigs,
    };
    const file = join(folder, "prometheus.yml");
    writeFileSync(file, stringify(config));
    const args = [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(folder, "tsdb")}`,
      "--web.listen-address=127.0.0.1:0",
    ];
    const server = new PrometheusServer(
      new Child("prometheus", join(folder, "prometheus.log"), await findPrometheus(), args),
    );
    return readyOrStopped(server, server.#ready());
  }

  /** `127.0.0.1:port`. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /**
   * The result of an instant query as of now, or as of `time` (seconds since the epoch). A scalar is a series without labels.
   * Rejects with Prometheus' own words.
   */
  async query(expr: string, time?: number): Promise<Series[]> {
    interface Vector {
      resultType: "vector" | "scalar";
      result: { metric: Record<string, string>; value: [number, string] }[] | [number, string];
    }
    const { resultType, result } = await this.#ask<Vector>("query", {
      query: expr,
      ...(time === undefined ? {} : { time: String(time) }),
    });
    if (resultType === "scalar") return [{ metric: {}, value: Number((result as [number, string])[1]) }];
    const vector = result as Exclude<typeof result, [number, string]>;
    return vector.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  /** Asks until the answer is as it must be, for at most `timeout` milliseconds, and returns it. */
  until(expr: string, isSo: (series: Series[]) => boolean, timeout: number): Promise<Series[]> {
    let last: Series[] = [];
    const probe = async (): Promise<Series[] | false> => {
      last = await this.query(expr);
      return isSo(last) && last;
    };
    return waitFor(expr, probe, { timeout, explain: () => `${JSON.stringify(last)}\n${this.explain()}` });
  }

  /** The values of a label over the series of a selector. */
  labelValues(selector: string, label: string): Promise<string[]> {
    return this.#ask<string[]>(`label/${label}/values`, { "match[]": selector });
  }

  /** How Prometheus reads an expression. */
  parse(expr: string): Promise<SyntaxNode> {
    return this.#ask<SyntaxNode>("parse_query", { query: expr });
  }

  async rules(): Promise<Rule[]> {
    return (await this.#ask<{ groups: { rules: Rule[] }[] }>("rules", {})).groups.flatMap(({ rules }) => rules);
  }

  async alerts(): Promise<Alert[]> {
    return (await this.#ask<{ alerts: Alert[] }>("alerts", {})).alerts;
  }

  /** The end of its log, for error messages. */
  explain(): string {
    return this.#child.explain();
  }

  async stop(): Promise<void> {
    await this.#child.stop();
  }

  async #ask<T>(path: string, parameters: Record<string, string>): Promise<T> {
    const query = new URLSearchParams(parameters).toString();
    const response = await fetch(`http://127.0.0.1:${this.#port}/api/v1/${path}?${query}`);
    const answer = (await response.json()) as Answer<T>;
    if (answer.status !== "success")
      throw new Error(`${answer.error ?? response.status}: ${parameters["query"] ?? path}`);
    return answer.data;
  }

  async #ready(): Promise<void> {
    const explain = (): string => this.explain();
    this.#port = await waitFor(
      "prometheus listens",
      () => {
        this.#child.assertRunning();
        return Number(LISTENING.exec(this.#child.log())?.[1]) || undefined;
      },
      { explain },
    );
    await waitFor("prometheus is ready", async () => (await fetch(`http://127.0.0.1:${this.#port}/-/ready`)).ok, {
      explain,
    });
  }
}
