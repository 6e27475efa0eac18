import type { Field } from "../manifests/field.ts";
import { CREATE_CONSUMER } from "./jetstream-requests.ts";
import { intersection } from "./pattern-overlap.ts";
import { PatternTree } from "./pattern-tree.ts";
import { allowedBy, deniedBy } from "./rule-entries.ts";
import { RulesSharingAPeer } from "./rule-peers.ts";

const CREATE_DURABLE = "$JS.API.CONSUMER.DURABLE.CREATE";
const DIRECT_GET = "$JS.API.DIRECT.GET";
const GET = "$JS.API.STREAM.MSG.GET";

/** A deny entry that names what is read, and the requests that name it in their bodies and are allowed beside it. */
export interface BypassedDeny {
  rule: Field;
  entry: Field;
  open: string[];
}

/** The tokens behind this prefix: none if the entry does not begin so. */
function tokensBehind(prefix: string, entry: string): string[] {
  return entry.startsWith(`${prefix}.`) ? entry.slice(prefix.length + 1).split(".") : [];
}

/**
 * The requests by which a peer reads what `deny` is about and names it in the body: none unless the entry has a filter behind
 * `$JS.API.CONSUMER.CREATE.STREAM.CONSUMER`, or a subject behind `$JS.API.DIRECT.GET.STREAM` (nats-server
 * `server/jetstream_api.go`).
 */
function unnamedForms(deny: string): string[] {
  const [read = "", ...subject] = tokensBehind(DIRECT_GET, deny);
  if (subject.length > 0) return [`${DIRECT_GET}.${read}`, `${GET}.${read}`];
  const [stream = "", consumer = "", ...filter] = tokensBehind(CREATE_CONSUMER, deny);
  if (filter.length === 0) return [];
  const forms = [`${CREATE_CONSUMER}.${stream}.${consumer}`, `${CREATE_DURABLE}.${stream}.${consumer}`];
  // The oldest form names no consumer, so it cannot make one of a given name.
  return consumer === "*" ? [`${CREATE_CONSUMER}.${stream}`, ...forms] : forms;
}

/** The deny entries that can be bypassed: JetStream takes from the bodies of other requests what these name. */
export function bypassedDenies(config: Field): BypassedDeny[] {
  const rules = config.items("rules");
  const denies = rules.flatMap((rule) =>
    deniedBy(rule, "publish").map(({ field, text }) => ({ rule, entry: field, text, forms: unnamedForms(text) })),
  );
  const named = denies.filter(({ forms }) => forms.length > 0);
  if (named.length === 0) return [];
  // Denies of other rules may be for other peers. They are taken to apply to these, so that there is no false warning.
  const denied = new PatternTree(denies.map(({ text }) => text));
  const allows = rules
    .map((rule) => ({ rule, entries: allowedBy(rule, "publish") }))
    .filter(({ rule, entries }) => entries.length > 0 && rule.text("mode") !== "DRY_RUN");
  const sharing = new RulesSharingAPeer(allows);
  return named.flatMap(({ rule, entry, forms }) => {
    const entries = sharing.with(rule).flatMap((other) => other.entries);
    const open = forms.filter((form) =>
      entries.some(({ text }) => {
        const both = intersection(form, text);
        return both !== undefined && denied.takingWhole(both) === undefined;
      }),
    );
    return open.length > 0 ? [{ rule, entry, open }] : [];
  });
}
