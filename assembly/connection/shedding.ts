import { limitBytes, usedBytes } from "../bytes/budget";
import { actOn } from "../proxy/stream";
import { Meter } from "../telemetry/meter";
import { ProtocolError } from "../telemetry/protocol-error";
import { Connection, Phase } from "./connection";
import { endAtOnce } from "./endings";

/**
 * Who goes when the VM's budget (`limits.memory`) is nearly used up: a connection that asks for what is not left ends by that,
 * and it is hardly the one that has used it up.
 */

/** How full the budget may be before the tick sheds connections. What is left is for those who hold little. */
const SHED_ABOVE: f64 = 0.9;
/** Connections that go in one tick at most, since each of them takes four looks at all. */
const MAX_TURNS: i32 = 16;

/** Bytes in use beyond what may be; negative while the budget is not nearly full. */
export function bytesTooMany(): i64 {
  return <i64>usedBytes() - <i64>(<f64>limitBytes() * SHED_ABOVE);
}

/** Of a VM that is nearly full, connections of whose peers nothing is known go first. */
export function shedUnknown(connection: Connection): void {
  if (connection.phase == Phase.NEW && connection.budgetedBytes > 0) shed(connection);
}

/**
 * Makes room once those have gone who are about to. Of the principal whose connections hold most goes
 * the one that does, the newest of several alike: so nobody shuts out everybody else, among however many connections he divides
 * what he holds. What others decide, the replies that a connection may answer, ends nobody: it is forgotten where it is more
 * than that.
 *
 * `all` are those of the VM, `own` those of the plugin whose tick it is. All of them share the budget, so that where it is another
 * one's turn this plugin's stay: its own tick comes soon. Answers how many of `own` are to go.
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

/** What those hold that are about to go. */
function leavingBytes(all: Connection[]): i64 {
  let bytes: i64 = 0;
  for (let i = 0; i < all.length; i++) {
    if (all[i].endingSince != 0 && !all[i].observing) bytes += all[i].budgetedBytes;
  }
  return bytes;
}

/** May what it holds be taken from it? */
function isSheddable(connection: Connection): bool {
  return connection.phase == Phase.OPEN && !connection.observing;
}

/** The connection that may answer most bytes of reply subjects; null if none may. */
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

/** Of the principal whose connections themselves hold most, the one that does; null if none holds anything. */
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

/** Each plugin of a VM has meters of its own: a principal is added up under the first that is met of its name. */
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

/** Under which meter the connection's principal is added up; null where nobody counts for it yet. */
function unitedMeter(connection: Connection): Meter | null {
  const meter = connection.meter;
  return meter == null ? null : meter.first;
}

/** The record that is written reads the address of whatever connection the host is turned to. */
function shed(connection: Connection): void {
  actOn(connection.id);
  endAtOnce(connection, ProtocolError.MEMORY);
}
