import type { Field } from "../manifests/field.ts";
import type { Resource } from "../manifests/resource.ts";
import { judgePolicy, type AskFilter, type JudgedPolicy } from "../policy/judge.ts";
import type { Verdict } from "../filter-host.ts";
import { byPosition, type Place } from "../manifests/place.ts";
import { changeableConsumers } from "../policy/changeable-consumers.ts";
import { chosenAnswers } from "../policy/chosen-answers.ts";
import { contradictions } from "../policy/contradictions.ts";
import {
  allowsAnything,
  foreignValues,
  idleWords,
  isTriedAlone,
  shadowedPatterns,
  untriedWords,
  voidEntries,
} from "../policy/without-effect.ts";
import { takeovers, type Takeover } from "../policy/takeovers.ts";
import { named } from "../named.ts";
import { nearest } from "../nearest.ts";
import { manyWays } from "../policy/many-ways.ts";
import { narrowInboxes } from "../policy/narrow-inbox.ts";
import type { Misread } from "../policy/misread.ts";
import { misreadNames, misreadTrustDomains } from "../policy/misread-names.ts";
import { misreadSubjects } from "../policy/misread-subjects.ts";
import { faultRemedy } from "../policy/fault-remedy.ts";
import { intersection } from "../policy/pattern-overlap.ts";
import { allowedBy, deniedBy } from "../policy/rule-entries.ts";
import { subscribedRequests } from "../policy/subscribed-requests.ts";
import { unanswered } from "../policy/unanswered.ts";
import { voidRequests } from "../policy/void-requests.ts";
import { bypassedDenies } from "../policy/named-in-body.ts";
import type { Check, Report } from "./family.ts";

const JETSTREAM_API = "$JS.API.>";

/**
 * The entry of an `allow` that reaches JetStream's API in a rule with `replies: ANY`. None if the rule allows every publish and
 * denies none: such a peer may already publish wherever it could make JetStream publish.
 */
function apiWithAnyReplies(rule: Field): Field | undefined {
  if (rule.text("replies") !== "ANY") return undefined;
  const entries = allowedBy(rule, "publish");
  if (entries.some(({ text }) => text === ">") && deniedBy(rule, "publish").length === 0) return undefined;
  return entries.find(({ text }) => intersection(text, JETSTREAM_API) !== undefined)?.field;
}

export type PolicyId =
  | "policy-fault"
  | "policy-faults-unlisted"
  | "principal-foreign"
  | "source-void"
  | "allow-void"
  | "nobody-allowed"
  | "word-void"
  | Misread["id"]
  | "js-api-replies-any"
  | "js-unanswered"
  | "js-subscribed"
  | "js-named-in-body"
  | "js-consumers-of-others"
  | "js-subject-void"
  | "inbox-one-token"
  | "answers-chosen"
  | "class-void"
  | "wildcards-many"
  | "policy-dry-run";

export const POLICY_CHECKS: Readonly<Record<PolicyId, Check>> = {
  "policy-fault": {
    severity: "error",
    what:
      "The compiled filter itself refuses the pluginConfig. Envoy keeps the configuration that it already has; if it has " +
      "none, it closes every connection.",
    remedy: "correct the pluginConfig here",
  },
  "policy-faults-unlisted": {
    severity: "info",
    what: "The filter lists the first hundred faults of a policy and only counts the rest.",
    remedy: "correct the faults above, then check again",
  },
  "principal-foreign": {
    severity: "warning",
    what:
      "A source names a trust domain that is not in `trustDomains`. Peers from it are not authenticated, so the value never " +
      "matches.",
    remedy: "correct the trust domain, or add it to trustDomains",
  },
  "source-void": {
    severity: "warning",
    what:
      "A value of a source matches nobody: another key of the same source excludes the peers that it names, and all keys of a " +
      "source must match. Alternatives are separate sources of the rule.",
    remedy: "write two sources if either one should match, or remove the value",
  },
  "allow-void": {
    severity: "warning",
    what:
      "A rule denies the whole of what it allows, or denies the whole of what another rule allows to everybody, or to all peers of " +
      "that rule, such as the namespace that they are in. A deny always wins, so the entry allows nothing.",
    remedy: "remove the entry, or narrow the deny",
  },
  "nobody-allowed": {
    severity: "warning",
    what:
      "No rule of the policy has an `allow` or `allow_responses`, or only rules in DRY_RUN, which let nothing pass. A deny only " +
      "narrows what other rules allow, so nobody may do anything.",
    remedy: "add a rule with allow; where everything else is to pass: publish: {allow: ALL}, subscribe: {allow: ALL}",
  },
  "word-void": {
    severity: "warning",
    what:
      "A rule has `replies: ANY` or `rollup: ALL`, but allows nothing to which it could apply: both apply only to what their " +
      "own rule lets peers publish, not to what another rule allows. Or it has `allow_responses`, and no rule that could apply to " +
      "its peers allows a subscription: they receive nothing that they could answer. Or the rule is in DRY_RUN in a policy that is " +
      "enforced: only what its `deny` would refuse is tried, and its other words have no effect.",
    remedy: "write it in the rule that allows the publish",
  },
  "subject-literal-wildcard": {
    severity: "warning",
    what:
      "An entry has `*`, `>`, a comma or a semicolon inside a longer token, `#` or `+` for a token, quotation marks around it, " +
      "the backslashes with which the audit quotes them, or an invisible character in it, or is the word ALL in a list; or, for want " +
      "of a comma or a dash, it goes on with the next line, which then is its queue group. " +
      "nats-server, and therefore the filter, takes it for one subject with exactly these characters. As a deny it blocks nothing " +
      'that is really published, and in a subject class it counts nothing. Commas in JSON, as in `{"cmd":"sum","v":1}` of NestJS, are meant so.',
    remedy: "write * or > as a token of its own",
  },
  "subject-case": {
    severity: "warning",
    what:
      "An entry begins like one of NATS's own subjects, but in small letters (`$sys`, `$js.api`, `_inbox`), or without its first " +
      "character (`JS.API`, `INBOX`) in a rule that has no other with it. NATS writes `$JS.API`, `_INBOX` and the like.",
    remedy: "write it as NATS does, unless it is a subject of your own",
  },
  "principal-shape": {
    severity: "warning",
    what:
      "A source names something that no workload has: a principal that is not, or that does not begin or end like, " +
      "`TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT`, such as `system:serviceaccount:…`, or capitals in a namespace or " +
      "service account. Under `notPrincipals` it excludes nobody.",
    remedy: "write TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT, in small letters",
  },
  "trust-domain-case": {
    severity: "warning",
    what:
      "A name in `trustDomains` has capitals. The trust domain of a SPIFFE ID has small letters, and the filter compares it as it " +
      "is written, so peers whose certificates have small letters are unauthenticated. Istio signs what `meshConfig.trustDomain` " +
      "says, as it is written: where that is among the files and has the same capitals, there is no finding.",
    remedy: "write it as meshConfig.trustDomain does",
  },
  "js-api-replies-any": {
    severity: "warning",
    what:
      "A rule with `replies: ANY` allows `$JS.API.…`. Its peers can name any reply subject, and so make JetStream publish to " +
      "subjects on which they may not publish themselves (`$JS.API.CONSUMER.MSG.NEXT`).",
    remedy: "remove replies: ANY, or move what needs it into a rule of its own without $JS.API",
  },
  "js-unanswered": {
    severity: "info",
    what:
      "A rule allows requests to JetStream (`$JS.API.…`), but no rule that could apply to its peers allows a subscription. A reply " +
      "subject must be one to which the peer may subscribe, so every request that wants an answer is refused.",
    remedy: "allow the subscription on which the answers are to arrive, such as subscribe: {allow: [_INBOX.>]}",
  },
  "js-subscribed": {
    severity: "warning",
    what:
      "A rule lets its peers subscribe to what clients of JetStream publish: `$JS.API.…`, `$JS.ACK.…` or `$JS.FC.…`. JetStream " +
      "answers on their inboxes. Who subscribes there needs it for nothing, and reads what all others ask JetStream. What " +
      "nats-server itself publishes, `$JS.EVENT.…`, is not reported, and neither is what a `deny` takes back.",
    remedy: "write it below publish if the peers are to use JetStream",
  },
  "js-named-in-body": {
    severity: "warning",
    what:
      "A rule denies what is read by the subject of a request (`$JS.API.CONSUMER.CREATE.STREAM.CONSUMER.FILTER`, " +
      "`$JS.API.DIRECT.GET.STREAM.SUBJECT`), but its peers may also send a request whose body names it. The policy does not " +
      "see the body, so the same can still be read.",
    remedy: "deny the requests that name it in the body too",
  },
  "js-consumers-of-others": {
    severity: "warning",
    what:
      "A rule lets its peers create consumers of any name (`$JS.API.CONSUMER.CREATE.STREAM.*.…`). By the same request they can change one " +
      "that is there, for instance to another filter, and in a stream of interest remove what only that one wanted. Another rule, for " +
      "other peers, reads from a consumer of that stream by its name.",
    remedy: "deny the requests that create it, or give it a stream that these peers do not read",
  },
  "js-subject-void": {
    severity: "warning",
    what:
      "An entry of `publish` is about JetStream, a bucket or an object store, and fits no subject on which their clients publish: " +
      "no request of nats-server 2.10 to 2.15, no acknowledgement, no key, no object. Tokens are missing or too many, as in " +
      "`$JS.ACK.STREAM.CONSUMER`, or the name is that of the stream (`$KV_prices`). An `allow` of it lets nothing pass, and a `deny` " +
      "stops nothing.",
    remedy: "write it as docs/reference/client-rights.md has it for what the client does",
  },
  "inbox-one-token": {
    severity: "warning",
    what:
      "A rule lets its peers subscribe to `_INBOX.*`, but not to `_INBOX.ID.*`, the one inbox that a client has for the answers " +
      "to all of its requests. That subscription is refused, and every request fails.",
    remedy: "write _INBOX.>, or better a prefix of the client's own: _INBOX.PREFIX.>",
  },
  "answers-chosen": {
    severity: "warning",
    what:
      "`replies: OWN` takes every subject to which a peer may subscribe for its own, inbox or not. Peers that may read everything " +
      "and publish something that is answered choose where the answer is published, and so do peers that may read what is denied " +
      "them for publishing (docs/reference/nats-server-hazards.md). A shared inbox is not reported.",
    remedy:
      "narrow what they may subscribe to, or give those who read an identity of their own, with no right to publish what is answered",
  },
  "class-void": {
    severity: "warning",
    what:
      "A pattern of `telemetry.subjects` lies inside a pattern of an earlier class. The first class that matches counts a " +
      "subject, so this pattern counts nothing.",
    remedy: "put the narrower class before the wider one",
  },
  "wildcards-many": {
    severity: "warning",
    what:
      "The `allow` or `deny` lists of the policy have `*` at so many different places that the filter follows some subject along more " +
      "than 128 ways until it has its answer, some 20 ns each. The answer is remembered, but a client that publishes ever new " +
      "subjects holds up all connections of its worker.",
    remedy: "write entries that differ only in where they have * as fewer, wider ones",
  },
  "policy-dry-run": {
    severity: "info",
    what: "The whole policy is in dry run: it counts and audits, but refuses nothing.",
    remedy:
      "write mode: ENFORCE once neither istio_nats_dry_run_refusals_total nor istio_nats_protocol_errors_total grows any more, " +
      "but for its kind unfinished (NATSDryRunWouldRefuse and NATSDryRunPassesUnread are quiet)",
  },
};

/** In chart values, and in a TrafficExtension. */
export type PolicyHome = "policy" | "spec.wasm.pluginConfig";

/** A policy by itself, or one inside a plugin. */
export interface PolicySubject {
  /** `WasmPlugin messaging/istio-nats`. */
  title: string;
  /** Where it belongs, if that is not the WasmPlugin which the filter's own message names. */
  home?: PolicyHome | undefined;
  config: Field | undefined;
  /** Where `config` would be. */
  parent: Place;
  /** The trust domains that Istio's own configuration gives to the mesh, as far as it is among the files. */
  ofMesh?: readonly string[];
}

/** Where the policy of a plugin belongs, unless it is a WasmPlugin. */
export function homeIn({ kind }: Resource): PolicyHome | undefined {
  return kind === "TrafficExtension" ? "spec.wasm.pluginConfig" : undefined;
}

/** The remedy for a principal without its trust domain, or one that is written as `serviceAccounts` has it. */
function accountRemedy(principal: string, ours: readonly string[]): string | undefined {
  if (/^ns\/[^/]+\/sa\/[^/]+$/.test(principal)) return `write ${ours[0] ?? "TRUST_DOMAIN"}/${principal}`;
  if (!/^[^/]+\/[^/]+$/.test(principal)) return undefined;
  return "write it under serviceAccounts if it is NAMESPACE/NAME; otherwise correct the trust domain";
}

/** A fault of the whole: some of the filter's messages go on a sentence (`is empty`), others stand by themselves. */
function aboutWhole(message: string): string {
  return `the policy${message.startsWith("is ") ? "" : ":"} ${message}`;
}

/** For rules in DRY_RUN that were to let something pass. */
export const OF_TRIED_RULES =
  "for a trial in which nothing is refused, write mode: DRY_RUN at the top of the policy, and in no rule";

/** Lets the filter read the policy, and reports what it and the checks of this family find. */
export function examinePolicy<Said extends Verdict>(
  subject: PolicySubject,
  ask: AskFilter<Said>,
  report: Report<PolicyId>,
): JudgedPolicy<Said> {
  const { title, config, parent } = subject;
  const judged = judgePolicy(ask, config, parent);
  reportFaults(judged, subject, report);
  if (!config) return judged;
  if (config.text("mode") === "DRY_RUN") report("policy-dry-run", config.placeOf("mode"), `${title} refuses nothing`);
  const ours = config.items("trustDomains").flatMap((item) => item.text() ?? []);
  judgeWhole(config, ours, subject.ofMesh ?? [], report);
  const rules = config.items("rules");
  const allowing = rules.filter(allowsAnything);
  // What a rule with a fault was meant to allow is not known.
  const isKnown = rules.length > 0 && !judged.faults.some(({ path }) => path.startsWith("rules["));
  if (isKnown && allowing.length === 0)
    report("nobody-allowed", config.placeOf("rules"), `${title} allows nothing to anybody: no rule has an allow`);
  else if (isKnown && allowing.every((rule) => rule.text("mode") === "DRY_RUN")) {
    const allows = config.text("mode") === "DRY_RUN" ? "would, in ENFORCE, allow" : "allows";
    const message = `${title} ${allows} nothing to anybody: each rule with an allow is in DRY_RUN, in which it lets nothing pass`;
    report("nobody-allowed", config.placeOf("rules"), message, OF_TRIED_RULES);
  }
  for (const rule of rules) judgeRule(rule, ours, report);
  for (const rule of rules) {
    if (!isTriedAlone(config, rule)) judgeWords(rule, report);
    // Where all that allows anything is on trial, that has been told of the whole.
    else if (!allowing.every((one) => isTriedAlone(config, one))) judgeTriedWords(rule, report);
  }
  return judged;
}

/** For chart values, which may be in several files. */
const PUT_TOGETHER =
  "write trustDomains and rules under policy; if another file of values has them, check what helm makes of all: " +
  "helm template RELEASE CHART --values FILE --values FILE | istio-nats check -";

/** What the filter itself finds wrong. */
function reportFaults(judged: JudgedPolicy, { parent, home }: PolicySubject, report: Report<PolicyId>): void {
  for (const fault of judged.faults) {
    const { place, path, message } = fault;
    if (home !== undefined && judged.bytes === 0) {
      const what = home === "policy" ? "the chart values have no policy" : "the policy is empty";
      const remedy = home === "policy" ? PUT_TOGETHER : `write trustDomains and rules under ${home}`;
      report("policy-fault", place, what, remedy);
    } else {
      const isElsewhere =
        home === "policy" && /^(?:trustDomains|rules)$/.test(path) && message.startsWith("is missing");
      const said = path === "" ? aboutWhole(message) : `${path}: ${message}`;
      report("policy-fault", place, said, isElsewhere ? PUT_TOGETHER : faultRemedy(fault));
    }
  }
  if (judged.unlisted === 0) return;
  // Placed after all faults that are shown, wherever those are in the policy.
  const [last] = judged.faults.map(({ place }) => place).sort((a, b) => byPosition(b, a));
  const are = judged.unlisted === 1 ? "fault is" : "faults are";
  report("policy-faults-unlisted", last ?? parent, `${judged.unlisted.toLocaleString("en")} more ${are} not shown`);
}

function ruleText(rule: Field): string {
  return `rule "${rule.text("name") ?? ""}"`;
}

function takeoverText({ rule, deny, isForEverybody, others, from }: Takeover): string {
  const also = others.length === 0 ? "" : ` (and ${named(others.map(ruleText))} to the rest of them)`;
  const whom = isForEverybody ? "everybody" : `all whom ${ruleText(from.rule)} names${also}`;
  const whose = isForEverybody ? `, which ${ruleText(from.rule)} allows` : ", which that one allows";
  return `${ruleText(rule)} denies ${deny.text} to ${whom}, and so ${from.allow.text}${whose}: a deny always wins`;
}

/** The checks of the policy as a whole. `ours` are its trust domains. */
function judgeWhole(config: Field, ours: readonly string[], ofMesh: readonly string[], report: Report<PolicyId>): void {
  for (const { value, trustDomain } of foreignValues(config, ours)) {
    const meant = nearest(trustDomain, ours);
    const message = `${trustDomain} is not in trustDomains (${ours.join(", ")}): ${value.text() ?? ""} never matches`;
    const remedy = meant === undefined ? accountRemedy(value.text() ?? "", ours) : `did you mean ${meant}?`;
    report("principal-foreign", value.place, message, remedy);
  }
  for (const { id, rule, entry } of unanswered(config)) {
    if (id === "word-void") {
      if (isTriedAlone(config, rule)) continue;
      const message = `${ruleText(rule)} has allow_responses, but its peers may subscribe to nothing, and so receive nothing to answer`;
      const remedy = "allow the subscription on which the requests arrive, or remove allow_responses";
      report(id, entry.keyPlace, message, remedy);
    } else
      report(id, entry.place, `${ruleText(rule)} allows ${entry.text() ?? ""}, but its peers may subscribe to nothing`);
  }
  for (const { rule, entry } of subscribedRequests(config)) {
    const message = `${ruleText(rule)} lets its peers subscribe to ${entry.text() ?? ""}, to which clients publish`;
    report("js-subscribed", entry.place, message);
  }
  for (const { rule, entry, open } of bypassedDenies(config)) {
    const message = `${ruleText(rule)} denies ${entry.text() ?? ""}, but its peers may publish ${open.join(", ")}, where the body names it`;
    report("js-named-in-body", entry.place, message, `deny ${open.join(", ")} too`);
  }
  for (const { rule, entry, stream, consumer, toDeny } of changeableConsumers(config)) {
    const message = `${ruleText(rule)} allows ${entry.text() ?? ""}, by which its peers can change consumer ${consumer} of ${stream}, from which others read`;
    const remedy = `deny ${toDeny.join(" and ")}, and so for each consumer of ${stream} that is not theirs`;
    report("js-consumers-of-others", entry.place, message, remedy);
  }
  for (const { rule, entry, isDeny, correction = "" } of voidRequests(config)) {
    const written = entry.text() ?? "";
    const [does, follows] = isDeny ? ["denies", "stops nothing"] : ["allows", "lets nothing pass"];
    const message = `${ruleText(rule)} ${does} ${written}, on which no client of JetStream publishes: it ${follows}`;
    const isWider = !isDeny && correction.split("*").length > written.split("*").length;
    const remedy = `write ${correction}${isWider ? ", or a name for *" : ""}`;
    report("js-subject-void", entry.place, message, correction === "" ? undefined : remedy);
  }
  for (const { rule, entry, shared } of narrowInboxes(config)) {
    const allowed = entry.text() ?? "";
    const message = `${ruleText(rule)} allows ${allowed}, but a client receives its answers on ${shared}, which has a token more`;
    report("inbox-one-token", entry.place, message, `write ${allowed.replace("*", ">")}`);
  }
  for (const { rule, entry, denied } of chosenAnswers(config)) {
    const reads = `${ruleText(rule)} lets its peers read ${entry.text() ?? ""}, so what answers them may publish`;
    if (denied === undefined) {
      const message = `${reads} wherever they say, also where they may not publish themselves`;
      report("answers-chosen", entry.place, message);
    } else {
      const subjects = denied.join(", ");
      const remedy = `deny ${subjects} for subscribe too; if they have to read it, give those who read an identity of their own`;
      report("answers-chosen", entry.place, `${reads} to ${subjects}, which is denied them`, remedy);
    }
  }
  for (const takeover of takeovers(config, ours)) {
    const { deny } = takeover;
    const remedy =
      deny.text === ">"
        ? "remove the entry: what no rule allows is refused without it"
        : "narrow the deny, or leave these peers out of it: notPrincipals";
    report("allow-void", deny.field.place, takeoverText(takeover), remedy);
  }
  for (const { pattern, name, earlier } of shadowedPatterns(config)) {
    const message = `${pattern.text() ?? ""} of class "${name}" counts nothing: the earlier class "${earlier.name}" has ${earlier.pattern}`;
    report("class-void", pattern.place, message);
  }
  for (const { list, entry, subject, ways } of manyWays(config)) {
    const message = `the ${list} lists have * at so many places that ${subject} is followed along ${ways.toLocaleString("en")} ways`;
    report("wildcards-many", entry.place, message);
  }
  const misread = [...misreadTrustDomains(config, ofMesh), ...misreadNames(config, ours), ...misreadSubjects(config)];
  for (const { id, value, message, remedy } of misread) report(id, value.place, message, remedy);
}

/** The checks of one rule by itself. */
function judgeRule(rule: Field, ours: readonly string[], report: Report<PolicyId>): void {
  for (const { value, message } of rule.items("from").flatMap((source) => contradictions(source, ours)))
    report("source-void", value.place, message);
  const entry = apiWithAnyReplies(rule);
  if (entry)
    report("js-api-replies-any", entry.place, `${ruleText(rule)} allows ${entry.text() ?? ""} with replies: ANY`);
}

/** What a rule that is carried out says in vain. */
function judgeWords(rule: Field, report: Report<PolicyId>): void {
  for (const { value, key } of idleWords(rule)) {
    const message = `${ruleText(rule)} has ${key}: ${value.text() ?? ""}, but allows nothing to which it applies`;
    report("word-void", value.place, message);
  }
  for (const { allow, deny } of voidEntries(rule)) {
    const message = `${ruleText(rule)} allows ${allow.text() ?? ""} and denies ${deny}: a deny always wins`;
    report("allow-void", allow.place, message);
  }
}

/** The same of a rule that is only on trial in a policy that is enforced. */
function judgeTriedWords(rule: Field, report: Report<PolicyId>): void {
  for (const { value, key } of untriedWords(rule)) {
    const message = `${ruleText(rule)} has ${key}, but is in DRY_RUN, in which only a deny is tried`;
    const remedy = "write it in a rule without mode: DRY_RUN; to try it, write mode: DRY_RUN at the top of the policy";
    report("word-void", value.keyPlace, message, remedy);
  }
}
