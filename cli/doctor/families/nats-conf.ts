import type { Field } from "../../manifests/field.ts";
import type { Place } from "../../manifests/place.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import { bytesOf, type ConfEntry } from "../../mesh/nats-conf.ts";
import { isConfigOf, natsConfigs, type NatsConfig } from "../../mesh/nats-config.ts";
import { CLIENT_PORT } from "../../mesh/nats-ports.ts";
import type { Workload } from "../../mesh/workload.ts";
import { family } from "../family.ts";

/** Keys at the top and in an account that rewrite subjects or hand them to other accounts. */
const REWRITING = new Set(["mappings", "maps", "imports", "exports"]);

/** Keys of `authorization` that ask clients who they are; `timeout` does not. */
const ASKING = new Set(["user", "username", "pass", "password", "token", "users", "auth_callout"]);

/** Keys at the top that do so, or name who asks nothing. */
const ASKING_AT_TOP = new Set(["no_auth_user", "operator", "operators", "trusted_keys", "trusted"]);

/** What a key stands in matters: `imports` of a user's permissions, say, would be another matter. */
function isRewriting({ path }: ConfEntry, systemAccount: string): boolean {
  const key = path.at(-1) ?? "";
  const isOfAccount = path.length === 3 && path[0] === "accounts" && path[1] !== systemAccount;
  return REWRITING.has(key) && (path.length === 1 || isOfAccount);
}

function isAsking({ path }: ConfEntry, systemAccount: string): boolean {
  const [first = "", second = "", third = ""] = path;
  if (path.length === 1) return ASKING_AT_TOP.has(first);
  if (path.length === 2) return first === "authorization" && ASKING.has(second);
  // The system account's users are who runs nats-server.
  return path.length === 3 && first === "accounts" && second !== systemAccount && third === "users";
}

/** The system account's name, as paths have it (nats-server `server/opts.go`, `system_account` and `system`). */
function systemAccountOf({ entries }: NatsConfig): string {
  const entry = entries.find(({ path }) => path.length === 1 && ["system_account", "system"].includes(path[0] ?? ""));
  return entry?.value?.toLowerCase() ?? "$sys";
}

interface ConfiguredPort {
  number: number;
  place: Place;
}

/** The client port in the command line, which counts before the file's (nats-server `server/opts.go`, `-p` and `--port`). */
function portOfArguments({ servers }: Workload): ConfiguredPort | undefined {
  for (const container of servers) {
    const words: Field[] = [...container.items("command"), ...container.items("args")];
    for (const [index, word] of words.entries()) {
      const [, flag, value] = /^(--?p(?:ort)?)(?:=(\d+))?$/.exec(word.text() ?? "") ?? [];
      if (flag === undefined) continue;
      const field = value === undefined ? words[index + 1] : word;
      const number = Number(value ?? field?.text());
      if (field && Number.isInteger(number)) return { number, place: field.place };
    }
  }
  return undefined;
}

function portOfConfig(config: NatsConfig): ConfiguredPort | undefined {
  const entry = config.entries.find(({ path }) => path.length === 1 && ["port", "listen"].includes(path[0] ?? ""));
  const number = /(?:^|:)(\d+)$/.exec(entry?.value ?? "")?.[1];
  return entry && number !== undefined ? { number: Number(number), place: config.placeOf(entry) } : undefined;
}

/** `limits.controlLine` unless configured (docs/policy.md). */
const CONTROL_LINE = 4096;

/** Whether a plugin for these pods matches a port of a Service that leads there. */
function isMatched(broker: Workload, number: number, mesh: Mesh): boolean {
  const ports = mesh
    .servicesOf(broker)
    .flatMap((service) => service.ports.filter(({ target }) => broker.resolvePort(target) === number));
  const matched = mesh.pluginsOf(broker).flatMap(({ matches }) => matches.flatMap((one) => one.ports));
  return ports.some((port) => matched.some((field) => field.integer() === port.number));
}

export const natsConf = family(
  "nats-server's own configuration",
  {
    "nats-mappings": {
      severity: "warning",
      what:
        "nats.conf rewrites subjects behind the filter, by mappings, or by imports and exports of accounts: the filter judges the name that " +
        "a client writes, and the message goes elsewhere.",
      remedy: "take them out; a policy and rewritten subjects do not go together",
    },
    "nats-credentials": {
      severity: "warning",
      what:
        "nats.conf asks clients for credentials of its own. The filter brings none: a client that the policy lets in is refused by " +
        "nats-server, or judged twice by two names.",
      remedy: "take them out, and let the policy say who may do what; keep accounts for the system account alone",
    },
    "nats-control-line": {
      severity: "warning",
      what:
        "nats.conf allows longer control lines than the filter: a client that sends one is told `maximum control line exceeded` and is " +
        "closed. nats-server's INFO does not tell its limit, so the filter has one of its own.",
      remedy: "write the same number as limits.controlLine and as max_control_line; the filter takes 65536 at most",
    },
    "nats-client-port": {
      severity: "warning",
      what: "nats-server takes clients on another port than 4222, and no plugin for these pods matches a port that leads there: nobody judges them.",
      remedy: "let nats-server listen on 4222, and match it",
    },
  },
  ({ mesh }, report) => {
    const configs = natsConfigs(mesh);
    for (const config of configs) {
      const { title } = config.resource;
      const systemAccount = systemAccountOf(config);
      const rewriting = config.entries.find((entry) => isRewriting(entry, systemAccount));
      if (rewriting) {
        const message = `${title} has ${rewriting.path.join(".")}, which rewrites subjects behind the filter`;
        report("nats-mappings", config.placeOf(rewriting), message);
      }
      const asking = config.entries.find((entry) => isAsking(entry, systemAccount));
      if (asking)
        report(
          "nats-credentials",
          config.placeOf(asking),
          `${title} has ${asking.path.join(".")}: credentials of NATS itself`,
        );
    }
    for (const broker of mesh.brokers) {
      const own = configs.filter((config) => isConfigOf(config, broker));
      const limits = mesh.pluginsOf(broker).map((one) => one.config?.integer("limits", "controlLine") ?? CONTROL_LINE);
      const least = Math.min(...limits);
      for (const config of own) {
        const entry = config.entries.find(({ path }) => path.length === 1 && path[0] === "max_control_line");
        const allowed = bytesOf(entry?.value);
        if (!entry || allowed === undefined || allowed <= least) continue;
        const message = `${config.resource.title} has max_control_line ${allowed}, and the filter's limits.controlLine is ${least}`;
        report("nats-control-line", config.placeOf(entry), message);
      }
      const port = portOfArguments(broker) ?? own.map(portOfConfig).find((one) => one !== undefined);
      if (!port || port.number === CLIENT_PORT || isMatched(broker, port.number, mesh)) continue;
      report("nats-client-port", port.place, `${broker.resource.title} takes clients on port ${port.number}`);
    }
  },
);
