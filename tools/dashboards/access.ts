import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { build, curves, labelVariable, NEVER, NONE_IN_TIME, number, proxyVariables, table, type Row } from "./form.ts";
import { ENDED_UNREADABLE, orZero, PASSED_UNREAD, POD, POD_LEGEND, PROXIES, Queries, UNREADABLE } from "./queries.ts";
import type { StatRow } from "./stats-table.ts";

const SCOPE = {
  ...PROXIES,
  source_principal: '=~"$principal"',
};

const REFUSALS = "istio_nats_refusals_total";
const DRY_RUN = "istio_nats_dry_run_refusals_total";
const OPENED = "istio_nats_connections_opened_total";
const POLICY = "istio_nats_policy_info";
/** Proxies that should have one policy, as NATSPolicyVersionsDiverge groups them. */
const FLEET = [
  "cluster",
  "namespace",
  "service_istio_io_canonical_name",
  "reporter",
  "destination_workload_namespace",
  "destination_workload",
];
const WHO_HOW = ["cluster", "source_principal", "kind"];
const WHO_WHAT_WHY = ["cluster", "source_principal", "rule", "operation", "subject", "reason"];

/**
 * *NATS access*: what each client was refused and by which rule, what a dry run would refuse, and which policy is in force where.
 */
export function accessDashboard(stats: readonly StatRow[], file: string): Dashboard {
  const of = new Queries(stats, SCOPE);
  return build({
    title: "NATS Access Dashboard",
    description: "Refusals by client and rule, what a dry run would refuse, and the policy in force on each broker.",
    file,
    variables: [
      ...proxyVariables(of, POLICY),
      labelVariable("principal", "Client identity", of.values(OPENED, "source_principal")),
    ],
    rows: [now(of), refusals(of), dryRunAgainstEnforced(of), policyAcrossTheFleet(of)],
  });
}

function now(of: Queries): Row {
  return {
    title: "Now",
    panels: [
      number({
        title: "Refused operations",
        description: "Operations that the policy refuses, per second.",
        queries: [{ expr: orZero(of.rate(REFUSALS), of.rate(OPENED)) }],
        unit: "ops",
      }),
      number({
        title: "Refused connections",
        description:
          "Connections that were refused: no rule allows the client anything, it has no identity, or it speaks another protocol.",
        queries: [{ expr: orZero(of.rate(OPENED, [], { verdict: '="refused"' }), of.rate(OPENED)) }],
        unit: "cps",
      }),
      number({
        title: "Ended as unreadable",
        description:
          "How often, over the dashboard's time, the filter ended a connection that it could not read or hold, or dropped such a message: NATSProtocolErrors.",
        queries: [{ expr: orZero(of.total(UNREADABLE, [], ENDED_UNREADABLE), of.rate(OPENED)) }],
        inTime: true,
      }),
      number({
        title: "A dry run would refuse",
        description:
          "Operations that passed over the dashboard's time, and that a policy or rule in DRY_RUN would have refused. It is safe to enforce when this and the next number are 0 for a time in which every client has done all that it does.",
        queries: [{ expr: orZero(of.total(DRY_RUN), of.rate(OPENED)) }],
        inTime: true,
      }),
      number({
        title: "A dry run passes unread",
        description:
          "How often, over the dashboard's time, a policy in DRY_RUN could not read or hold a connection, of which nothing more is judged. ENFORCE would have ended it: NATSDryRunPassesUnread.",
        queries: [{ expr: orZero(of.total(UNREADABLE, [], PASSED_UNREAD), of.rate(OPENED)) }],
        inTime: true,
      }),
      number({
        title: "Policies in force",
        description:
          "The number of different policies in force on one broker or waypoint, the highest of those chosen. If it stays above the number of plugins in a proxy: NATSPolicyVersionsDiverge.",
        queries: [
          { expr: `max(count by (${FLEET.join(", ")}) (${of.present(POLICY, [...FLEET, "policy", "mode"])}))` },
        ],
      }),
    ],
  };
}

function refusals(of: Queries): Row {
  return {
    title: "Refusals",
    panels: [
      curves({
        title: "By client",
        description: "The clients whose operations are refused.",
        queries: [of.ratesBy(REFUSALS, "source_principal")],
        unit: "ops",
        none: NEVER,
      }),
      curves({
        title: "By rule",
        description:
          "The rule that decided. `unknown` if no rule decided, because no matching rule allows it or none matches.",
        queries: [of.ratesBy(REFUSALS, "rule")],
        unit: "ops",
        none: NEVER,
      }),
      curves({
        title: "By subject class",
        description: "The class of the subject that was refused.",
        queries: [of.ratesBy(REFUSALS, "subject")],
        unit: "ops",
        none: NEVER,
      }),
      curves({
        title: "By reason",
        description: "The reason. docs/how-to/troubleshoot.md explains each of them.",
        queries: [of.ratesBy(REFUSALS, "reason")],
        unit: "ops",
        none: NEVER,
      }),
      curves({
        title: "Connections accepted and refused",
        description:
          "A client that is refused at connect tries again and again, so a steady line is one client in a loop.",
        queries: [of.ratesBy(OPENED, "verdict")],
        unit: "cps",
      }),
      curves({
        title: "Refused connections by client",
        description:
          "Clients whose connections are refused. `unknown` has no certificate of the mesh: NATSUnauthenticated.",
        queries: [of.ratesBy(OPENED, "source_principal", { verdict: '="refused"' })],
        unit: "cps",
        none: NEVER,
      }),
      table({
        title: "Refused over the dashboard's time",
        description: "What each client was refused. The audit in the proxy's log has each refusal with its subject.",
        queries: [{ expr: `topk(50, ${of.total(REFUSALS, WHO_WHAT_WHY)} > 0)` }],
        width: 16,
        none: NONE_IN_TIME,
      }),
      table({
        title: "Ended as unreadable over the dashboard's time",
        description:
          "Whose connections the filter could not read or hold. docs/how-to/troubleshoot.md explains each kind. No refusal counts for these.",
        queries: [{ expr: `topk(50, ${of.total(UNREADABLE, WHO_HOW, ENDED_UNREADABLE)} > 0)` }],
        width: 8,
        none: NONE_IN_TIME,
      }),
    ],
  };
}

function dryRunAgainstEnforced(of: Queries): Row {
  return {
    title: "Dry run against enforced",
    panels: [
      curves({
        title: "Refused and would be refused",
        description: "The second curve shows what enforcing would add to the first.",
        queries: [
          { expr: of.rate(REFUSALS), legend: "refused" },
          { expr: of.rate(DRY_RUN), legend: "would be refused" },
        ],
        unit: "ops",
        none: NEVER,
      }),
      curves({
        title: "A dry run would refuse, by client",
        description: "Clients that would notice if the policy were enforced.",
        queries: [of.ratesBy(DRY_RUN, "source_principal")],
        unit: "ops",
        none: NEVER,
      }),
      curves({
        title: "A dry run would refuse, by rule",
        description: "The rule that would decide.",
        queries: [of.ratesBy(DRY_RUN, "rule")],
        unit: "ops",
        none: NEVER,
      }),
      table({
        title: "A dry run would have refused, over the dashboard's time",
        description: "What to allow, or to discuss with the clients' owners, before the mode becomes ENFORCE.",
        queries: [{ expr: `topk(50, ${of.total(DRY_RUN, WHO_WHAT_WHY)} > 0)` }],
        width: 16,
        none: NONE_IN_TIME,
      }),
      table({
        title: "Passed unread in a dry run, over the dashboard's time",
        description:
          "Whose connections would end with ENFORCE, and why (docs/how-to/troubleshoot.md). Nothing more of them is in the table beside this.",
        queries: [{ expr: `topk(50, ${of.total(UNREADABLE, WHO_HOW, PASSED_UNREAD)} > 0)` }],
        width: 8,
        none: NONE_IN_TIME,
      }),
    ],
  };
}

function policyAcrossTheFleet(of: Queries): Row {
  return {
    title: "Policy across the fleet",
    panels: [
      table({
        title: "In force",
        description: "The policy on each broker: its fingerprint, its mode, and the filter's version.",
        queries: [
          {
            expr: of.present(POLICY, [
              "cluster",
              "destination_workload_namespace",
              "destination_workload",
              "namespace",
              "pod",
              "policy",
              "mode",
              "version",
            ]),
          },
        ],
        width: 16,
      }),
      curves({
        title: "Proxies by policy",
        description: "During a roll-out two curves cross.",
        queries: [{ expr: of.present(POLICY, ["policy", "mode"]), legend: "{{policy}} {{mode}}" }],
      }),
      curves({
        title: "Rules",
        description: "The number of rules in force, by pod. Those of several plugins in one proxy are added up.",
        queries: [{ expr: of.level("istio_nats_policy_rules", POD), legend: POD_LEGEND }],
      }),
      curves({
        title: "Policies adopted and rejected",
        description:
          "Since the proxies started. Each worker and the main thread adopts a policy for itself. Rejected: the configuration is invalid, and the last good one stays in force (NATSPolicyRejected).",
        queries: [
          { expr: of.count("istio_nats_policy_changes_total"), legend: "adopted" },
          { expr: of.count("istio_nats_policy_rejected_total"), legend: "rejected" },
        ],
      }),
      curves({
        title: "Revoked on open connections",
        description:
          "Connections and subscriptions that a new policy ended because it no longer allows them, since the proxies started.",
        queries: [
          { expr: of.count("istio_nats_revoked_connections_total"), legend: "connections" },
          { expr: of.count("istio_nats_revoked_subscriptions_total"), legend: "subscriptions" },
        ],
      }),
    ],
  };
}
