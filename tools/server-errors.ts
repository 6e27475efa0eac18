import { readFileSync } from "node:fs";
import { Fault } from "./fault.ts";
import { inRoot } from "./paths.ts";
import { sourceList } from "./source-constant.ts";

const SOURCE = "nats/server-errors.ts";

/** What an operator can do about each kind of nats-server's errors. */
const REMEDIES: Readonly<Record<string, string>> = {
  other: "Read what nats-server's log says of this client.",
  permissions_violation:
    "nats-server has `permissions` of its own, which refuse what the filter allows: allow it there too, or take them out.",
  authorization_violation:
    "nats-server wants credentials: take them out of its configuration and let the policy say who may do what, or correct the client's.",
  authentication_timeout:
    "nats-server wants credentials and had no CONNECT in time: take them out, or raise `timeout` of its `authorization`.",
  authentication_expired: "Renew the JWT of the user or of the account.",
  authentication_revoked: "Give the client another JWT.",
  unknown_operation:
    "See the kinds of `istio_nats_protocol_errors_total` in [troubleshoot.md](../how-to/troubleshoot.md#the-connection-closes-with-a-protocol-error).",
  control_line: "Raise nats-server's `max_control_line` together with `limits.controlLine`.",
  payload: "Send less at once, or raise nats-server's `max_payload`, and `limits.payload` where it is set.",
  subscriptions: "End subscriptions that are not needed, or raise nats-server's `max_subscriptions`.",
  connections:
    "Look for clients that connect again and again, or raise `max_connections` of nats-server or of the account.",
  stale_connection:
    "The client answers no PING: look for what holds it up, or raise nats-server's `ping_interval` and `ping_max`.",
  slow_consumer:
    "Make the client read faster, or raise nats-server's `max_pending` and `write_deadline`. Versions 2.10 to 2.15 only log it.",
  tls_required: "Turn nats-server's `tls` block off: the mesh encrypts.",
  throttled: "Let clients connect again more slowly, or raise `connection_rate_limit` of nats-server's `tls` block.",
  invalid_subject: "Correct the subject that the client uses: empty tokens, or wildcards where it publishes.",
  invalid_client: "Update the client's library: its CONNECT asks for what nats-server does not have.",
};

export interface ServerErrorKind {
  name: string;
  /** How nats-server's texts begin. */
  texts: string[];
  remedy: string;
}

/** The kinds of nats-server's errors that the filter distinguishes, in the filter's order. */
export function serverErrorKinds(): ServerErrorKind[] {
  const source = readFileSync(inRoot("assembly", SOURCE), "utf8");
  const known = [...source.matchAll(/known\(\s*ServerError\.(\w+),\s*"'([^"]*)",?\s*\)/g)];
  const numbers = new Map([...source.matchAll(/^ {2}(\w+) = (\d+),$/gm)].map(([, name = "", n]) => [name, Number(n)]));
  return sourceList(SOURCE, "SERVER_ERROR_NAMES").map((name, i) => {
    const remedy = REMEDIES[name];
    if (remedy === undefined)
      throw new Fault(`${name} of assembly/${SOURCE} has no remedy: write one in tools/server-errors.ts.`);
    return {
      name,
      texts: known.flatMap(([, kind = "", text = ""]) => (numbers.get(kind) === i ? [text] : [])),
      remedy,
    };
  });
}
