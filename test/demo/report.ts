import type { Stand } from "../stand/stand.ts";
import { waitFor } from "../stand/wait.ts";
import type { Refusal, Story } from "./story.ts";

/** Counts equal refusals by a text that stats and audit records can also be turned into. */
function tally(keys: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

function sorted(counts: ReadonlyMap<string, number>): [string, number][] {
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}

function keyOf({ principal, operation, reason, dryRun }: Refusal): string {
  return [principal, operation, reason, ...(dryRun ? ["dry run"] : [])].join(" ");
}

async function counted(stand: Stand): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { name, labels, value } of await stand.envoy.samples()) {
    const dryRun = name === "istio_nats_dry_run_refusals_total";
    if (!dryRun && name !== "istio_nats_refusals_total") continue;
    const { source_principal: principal = "", operation = "", reason = "" } = labels;
    const key = keyOf({ principal, operation, reason, dryRun });
    // Subject classes and rules have series of their own.
    counts.set(key, (counts.get(key) ?? 0) + value);
  }
  return counts;
}

/** The publishes that passed according to the stats, by principal. */
async function published(stand: Stand): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { name, labels, value } of await stand.envoy.samples()) {
    if (name !== "istio_nats_messages_total" || labels["operation"] !== "PUB" || labels["verdict"] !== "allowed")
      continue;
    const principal = labels["source_principal"] ?? "";
    counts.set(principal, (counts.get(principal) ?? 0) + value);
  }
  return counts;
}

function audited(stand: Stand): Map<string, number> {
  return tally(
    stand.refusals().map((record) => {
      const event = String(record["event"]);
      return keyOf({
        principal: String(record["source_principal"]),
        // The record of a connection has no operation, because nothing of its stream has been read.
        operation: event.endsWith("refuse") || event === "refused" ? String(record["operation"]) : "CONNECT",
        reason: String(record["reason"]),
        dryRun: event.startsWith("would"),
      });
    }),
  );
}

const SHOWN = [
  /^istio_nats_connections_opened_total\{/,
  /^istio_nats_messages_total\{.*operation="(PUB|SUB|MSG)"/,
  /^istio_nats_(dry_run_)?refusals_total\{/,
];

/** Shows what Envoy's stats and log say, and compares both with what the clients saw. */
export async function report(stand: Stand, story: Story): Promise<void> {
  const expected = sorted(tally(story.refusals.map(keyOf)));
  const total = story.refusals.length;
  // Counts reach Envoy on the filter's tick, one after the other.
  const sum = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((all, one) => all + one, 0);
  await waitFor("the stats of the last refusals and publishes", async () => {
    return sum(await counted(stand)) >= total && sum(await published(stand)) >= story.publishers.length;
  });

  story.heading("Envoy's /stats/prometheus");
  const exposition = await stand.envoy.admin("/stats/prometheus");
  const lines = exposition.split("\n").filter((line) => SHOWN.some((pattern) => pattern.test(line)));
  for (const line of lines) story.quote(line);
  story.check("the refusals in the stats", sorted(await counted(stand)), expected);
  story.check("the publishes in the stats", sorted(await published(stand)), sorted(tally(story.publishers)));

  story.heading("the audit, in Envoy's log");
  for (const text of stand.wasmLog().filter((line) => line.startsWith("{"))) story.quote(text);
  story.check("the refusals in the audit", sorted(audited(stand)), expected);
}
