import type { Field } from "../manifests/field.ts";
import { PatternTree } from "./pattern-tree.ts";
import { namedBy } from "./rule-peers.ts";

const CREATE = "$JS.API.CONSUMER.CREATE";
const CREATE_DURABLE = "$JS.API.CONSUMER.DURABLE.CREATE";

/** A deny entry that names a consumer's filter, and the requests that name none and are allowed beside it. */
export interface UnfilteredCreation {
  rule: Field;
  entry: Field;
  open: string[];
}

/**
 * The requests by which a peer gets the consumer that `deny` is about and names its filter in the body: none unless the entry
 * has a filter behind `$JS.API.CONSUMER.CREATE.STREAM.CONSUMER` (nats-server `server/jetstream_api.go`).
 */
function unfilteredForms(deny: string): string[] {
  if (!deny.startsWith(`${CREATE}.`)) return [];
  const [stream = "", consumer = "", ...filter] = deny.slice(CREATE.length + 1).split(".");
  if (filter.length === 0) return [];
  const forms = [`${CREATE}.${stream}.${consumer}`, `${CREATE_DURABLE}.${stream}.${consumer}`];
  // The oldest form names no consumer, so it cannot make one of a given name.
  return consumer === "*" ? [`${CREATE}.${stream}`, ...forms] : forms;
}

/** The pattern of what fits both; undefined where nothing does. */
function intersection(a: string, b: string): string | undefined {
  const [left, right] = [a.split("."), b.split(".")];
  const both: string[] = [];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    if (left[i] === ">" && i < right.length) return [...both, ...right.slice(i)].join(".");
    if (right[i] === ">" && i < left.length) return [...both, ...left.slice(i)].join(".");
    const [one, other] = [left[i], right[i]];
    if (one === undefined || other === undefined) return undefined;
    if (one !== other && one !== "*" && other !== "*") return undefined;
    both.push(one === "*" ? other : one);
  }
  return both.join(".");
}

/** Whether a source of the rule is every authenticated peer. */
function isForEverybody(rule: Field): boolean {
  return rule.items("from").some((source) => {
    const keys = source.members().map(([key]) => key);
    return keys.join() === "principals" && source.items("principals").some((value) => value.text() === "*");
  });
}

/** Whether some peer has both rules, for certain. */
function shareAPeer(one: Field, other: Field): boolean {
  if (one.node === other.node || isForEverybody(one) || isForEverybody(other)) return true;
  const names = namedBy(other);
  return names !== undefined && [...(namedBy(one) ?? [])].some((name) => names.has(name));
}

function allowed(rule: Field): string[] {
  const allow = rule.get("publish", "allow");
  return allow?.text() === "ALL" ? [">"] : (allow?.items() ?? []).flatMap((entry) => entry.text() ?? []);
}

/** The deny entries that can be bypassed: JetStream takes the filter of the other requests from their bodies. */
export function unfilteredCreations(config: Field): UnfilteredCreation[] {
  const rules = config.items("rules");
  const denies = rules.flatMap((rule) =>
    rule.items("publish", "deny").map((entry) => ({ rule, entry, forms: unfilteredForms(entry.text() ?? "") })),
  );
  const filtered = denies.filter(({ forms }) => forms.length > 0);
  if (filtered.length === 0) return [];
  // Denies of other rules may be for other peers. They are taken to apply to these, so that there is no false warning.
  const denied = new PatternTree(denies.flatMap(({ entry }) => entry.text() ?? []));
  const allows = rules
    .map((rule) => ({ rule, entries: allowed(rule) }))
    .filter(({ rule, entries }) => entries.length > 0 && rule.text("mode") !== "DRY_RUN");
  return filtered.flatMap(({ rule, entry, forms }) => {
    const entries = allows.filter((other) => shareAPeer(rule, other.rule)).flatMap((other) => other.entries);
    const open = forms.filter((form) =>
      entries.some((allow) => {
        const both = intersection(form, allow);
        return both !== undefined && denied.takingWhole(both) === undefined;
      }),
    );
    return open.length > 0 ? [{ rule, entry, open }] : [];
  });
}
