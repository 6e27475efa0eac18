import { Permissions } from "../policy/permissions";
import { Principal } from "../policy/principal";
import { Reason } from "../policy/reason";
import { ProtocolError } from "../telemetry/protocol-error";
import { Access } from "./access";
import { Client, clientOf } from "./client";
import { Connection } from "./connection";
import { readIdentity } from "./identity";
import { reportConnectionRefused, reportUnreadable } from "./report";

/**
 * Finds out who the peer is, at the first bytes that it sends, and gives the connection what its rules allow. Answers why the
 * peer may not connect at all, or ALLOWED. Either is reported. Where memory has no room for its rules, `hasRights` tells that.
 */
export function admit(connection: Connection): Reason {
  const client = clientOf(connection.id);
  const observes = connection.observing || connection.willObserve;
  const peer = readIdentity(client.rules.document);
  countAs(connection, client, peer);
  const meter = connection.meter;
  if (connection.untestedServer && meter != null) meter.untestedServer();
  if (connection.serverRequiresTls) reportUnreadable(connection, ProtocolError.SERVER_TLS);
  if (!giveRights(connection, client, peer, observes)) return Reason.ALLOWED;

  const why = reasonAgainst(peer);
  if (!observes && !allowsSomething(connection.access)) {
    reportConnectionRefused(connection, false, why);
    return why;
  }
  const shadow = connection.shadow;
  if (shadow != null && !shadow.permissions.allowsSomething) reportConnectionRefused(connection, true, why);
  return Reason.ALLOWED;
}

/** Has the connection been given what its rules say, so that it can be judged? */
export function hasRights(connection: Connection): bool {
  return connection.access != null || connection.shadow != null;
}

/** Why a peer without rights has none. */
export function reasonAgainst(peer: Principal): Reason {
  return peer.authenticated ? Reason.NO_RULE : Reason.UNAUTHENTICATED;
}

/** May a peer with this access connect? Without any it may not. */
export function allowsSomething(access: Access | null): bool {
  return access != null && access.permissions.allowsSomething;
}

/** The connection is counted, and audited, as this peer's from now on. */
export function countAs(connection: Connection, client: Client, peer: Principal): void {
  client.principal = peer.uri;
  client.telemetry.identify(connection, peer.uri, peer.namespace);
}

/**
 * Gives the connection what the client's policy allows the peer, and frees what it had under a former one. If it `observes`, in
 * DRY_RUN, nothing is refused: what would be enforced is only asked. Answers false, and changes nothing, where memory has no room
 * for its rules.
 */
export function giveRights(connection: Connection, client: Client, peer: Principal, observes: bool): bool {
  const rules = client.rules.of(peer);
  if (rules == null) return false;
  rules.hold();
  const bound = client.rules.document.limits.responses;
  const all = rules.shadow;
  const former = connection.access;
  const formerShadow = connection.shadow;
  // What was not enforced before may be now, and the other way round.
  const enforced = former != null ? former : formerShadow;
  const asked = formerShadow != null ? formerShadow : former;
  // What was enforced goes on: in DRY_RUN in what is only asked, which is enforced again later.
  if (observes) {
    connection.access = null;
    connection.shadow = accessTo(all != null ? all : rules.enforced, bound, enforced, asked);
  } else {
    connection.access = accessTo(rules.enforced, bound, enforced, enforced);
    connection.shadow = all != null ? accessTo(all, bound, asked, asked) : null;
  }
  if (former != null) former.destroy();
  if (formerShadow != null) formerShadow.destroy();
  // Only now, since the former set may be the same one, and what was inherited has had its limits.
  client.release();
  client.ruleSet = rules;
  return true;
}

/** Takes all rights from a connection that ends, so that what they need is room for others' before it is gone. */
export function takeRights(connection: Connection, client: Client): void {
  connection.forgetRights();
  client.release();
}

/** Access to the permissions, which inherits from `former`, and the reply grants of `grantor`. Either both are there or none. */
function accessTo(permissions: Permissions, bound: i32, former: Access | null, grantor: Access | null): Access {
  const access = new Access(permissions, bound);
  if (former != null && grantor != null) access.inherit(former, grantor);
  return access;
}
