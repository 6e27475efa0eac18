import { limitBytes, usedBytes } from "../bytes/budget";
import { actOn } from "../proxy/stream";
import { Meter } from "../telemetry/meter";
import { ProtocolError } from "../telemetry/protocol-error";
import { Connection, Phase } from "./connection";
import { endAtOnce } from "./endings";

/**
 * Which connections end when the VM's budget (`limits.memory`) is nearly used up. A connection that asks for what is not left
 * ends by that, but it is hardly the one that has used the budget up.
 */

/** The part of the budget above which the tick sheds connections. What is left is for connections that hold little. */
const SHED_ABOVE: f64 = 0.9;
/**
 * Turns in one tick at most, in each of which a connection goes or its grants do, since each takes four looks at all
 * connections.
 */
const MAX_TURNS: i32 = 16;

/** By how many bytes more are in use than may be; negative while the budget is not nearly full. */
export function bytesTooMany(): i64 {
  return <i64>usedBytes() - <i64>(<f64>limitBytes() * SHED_ABOVE);
}

/** Ends a connection of whose peer nothing is known, if it holds anything. Of a VM that is nearly full these go first. */
export function shedUnknown(connection: Connection): void {
  if (connection.phase == Phase.NEW && connection.budgetedBytes > 0) shed(connection);
}

/**
 * Makes room, as far as those that are about to go do not. Of the principal whose connections hold most, the one that holds
 * most goes; the newest of several that hold as much. So a principal shuts out nobody else, among however many connections it
 * divides what it holds. What others make a connection hold, the replies that it may answer, ends nobody: where that is more,
 * it is forgotten.
 *
 * `all` are the connections of the VM, `own` those of the plugin whose tick it is. All share the budget, so that where it is
 * the turn of another plugin's connection none of this one goes: the other's tick comes soon. Answers how many of `own` are to
 * go.
 */
export function shedHolders(all: Connection[], own: Connection[]): i32 {
  let excess = bytesTooMany() - leavingBytes(all);
  if (excess <= 0) return 0;
  let count = 0;
  uniteMeters(all);
  for (let turns = 0; turns < MAX_TURNS && excess > 0; turns++) {
    const granted = mostGranted(all);
    const holder = largestHolder(all);
    const grants = granted == null ? 0 : granted.grantedBytes;
    if (granted != null && (holder == null || grants > holder.ownBytes)) {
      granted.forgetGrants();
      excess -= grants;
    } else if (holder != null && own.includes(holder)) {
      excess -= holder.budgetedBytes;
      shed(holder);
      count++;
    } else break;
  }
  return count;
}

/** Bytes that connections hold which are about to go. */
function leavingBytes(all: Connection[]): i64 {
  let bytes: i64 = 0;
  for (let i = 0; i < all.length; i++) {
    if (all[i].endingSince != 0 && !all[i].observing) bytes += all[i].budgetedBytes;
  }
  return bytes;
}

/** May what the connection holds be taken from it? */
function isSheddable(connection: Connection): bool {
  return connection.phase == Phase.OPEN && !connection.observing;
}

/** The connection with most bytes of reply subjects that it may answer; null if none has any. */
function mostGranted(all: Connection[]): Connection | null {
  let granted: Connection | null = null;
  let most: i64 = 0;
  for (let i = 0; i < all.length; i++) {
    if (!isSheddable(all[i]) || all[i].grantedBytes <= most) continue;
    granted = all[i];
    most = all[i].grantedBytes;
  }
  return granted;
}

/**
 * Of the principal whose connections hold most by their own doing, the connection that holds most; null if none holds anything.
 */
function largestHolder(all: Connection[]): Connection | null {
  for (let i = 0; i < all.length; i++) {
    const meter = all[i].meter;
    if (meter != null) meter.held = 0;
  }
  let heaviest: Meter | null = null;
  for (let i = 0; i < all.length; i++) {
    const meter = unitedMeter(all[i]);
    if (meter == null || !isSheddable(all[i])) continue;
    meter.held += all[i].ownBytes;
    if (heaviest == null || meter.held > heaviest.held) heaviest = meter;
  }
  let holder: Connection | null = null;
  let most: i64 = 1;
  for (let i = 0; i < all.length; i++) {
    if (unitedMeter(all[i]) !== heaviest || !isSheddable(all[i]) || all[i].ownBytes < most) continue;
    holder = all[i];
    most = all[i].ownBytes;
  }
  return holder;
}

/**
 * Each plugin of a VM has meters of its own. Connections of a principal are added up under the first meter of its name that is
 * met.
 */
function uniteMeters(all: Connection[]): void {
  for (let i = 0; i < all.length; i++) {
    const meter = all[i].meter;
    if (meter != null) meter.first = null;
  }
  const firsts: Map<string, usize> = new Map();
  for (let i = 0; i < all.length; i++) {
    const meter = all[i].meter;
    if (meter == null || meter.first != null) continue;
    const name = meter.name;
    if (!firsts.has(name)) firsts.set(name, changetype<usize>(meter));
    meter.first = changetype<Meter>(firsts.get(name));
  }
}

/** The meter under which the connection's principal is added up; null where nobody counts for it yet. */
function unitedMeter(connection: Connection): Meter | null {
  const meter = connection.meter;
  return meter == null ? null : meter.first;
}

/** Ends a connection. The host is turned to it first, since the record that is written reads its address from the host. */
function shed(connection: Connection): void {
  actOn(connection.id);
  endAtOnce(connection, ProtocolError.MEMORY);
}
