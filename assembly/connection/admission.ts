import { Reason } from "../policy/reason";
import { Access } from "./access";
import { clientOf } from "./client";
import { Connection } from "./connection";
import { readIdentity } from "./identity";
import { reportConnectionRefused } from "./report";

/**
 * Finds out who the peer is, at the first bytes that it sends, and gives the connection what its rules allow. Answers
 * why the peer may not connect at all, or ALLOWED.
 */
export function admit(connection: Connection): Reason {
  const client = clientOf(connection.id);
  const document = client.rules.document;
  const peer = readIdentity(document);
  const rules = client.rules.of(peer);
  rules.hold();
  client.ruleSet = rules;
  const bound = document.limits.responses;
  client.principal = peer.uri;
  client.plugin.telemetry.identify(connection, peer.uri, peer.namespace);

  const meter = connection.meter;
  if (connection.untestedServer && meter != null) meter.untestedServer();
  const all = rules.shadow;
  if (!connection.observing) connection.access = new Access(rules.enforced, bound);
  if (all != null) connection.shadow = new Access(all, bound);
  else if (connection.observing) connection.shadow = new Access(rules.enforced, bound);

  const why = peer.authenticated ? Reason.NO_RULE : Reason.UNAUTHENTICATED;
  if (!connection.observing && !rules.enforced.allowsSomething) {
    reportConnectionRefused(connection, false, why);
    return why;
  }
  const shadow = connection.shadow;
  if (shadow != null && !shadow.permissions.allowsSomething) reportConnectionRefused(connection, true, why);
  return Reason.ALLOWED;
}
