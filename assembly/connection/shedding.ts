import { limitBytes, usedBytes } from "../bytes/budget";
import { actOn } from "../proxy/stream";
import { Meter } from "../telemetry/meter";
import { ProtocolError } from "../telemetry/protocol-error";
import { Connection, Phase } from "./connection";
import { closeSoon, endAtOnce } from "./endings";

/**
 * Which connections end when the VM's budget (`limits.memory`) is nearly used up. A connection that asks for what is not left
 * ends by that, but it is hardly the one that has used the budget up. So room is made before each callback that may ask
 * (docs/adr/0015).
 */

/** One part in so many of the budget stays free, for connections that hold little. */
const FREE_PART: usize = 10;
/**
 * Turns in one callback at most, in each of which a connection goes or its grants do, since each takes four looks at all
 * connections.
 */
const MAX_TURNS: i32 = 16;

/** Nobody had anything to give back, so that looking again is left to the next tick. */
let isInVain: bool = false;

/** Is so much of the budget in use that connections are to give back what they hold? */
// @ts-ignore: decorator
@inline
export function isRoomNeeded(): bool {
  return usedBytes() > limitBytes() - limitBytes() / FREE_PART && !isInVain;
}

/** A tick has come: who had nothing to give back before may have something now. */
export function lookAgain(): void {
  isInVain = false;
}

/**
 * Makes room, if `isRoomNeeded`. `all` are the connections of the VM. Those that are about to go give back what they hold
 * first, and those of whose peers nothing is known. Then, of the principal whose connections hold most, the one that holds
 * most goes; the newest of several that hold as much. So a principal shuts out nobody else, among however many connections it
 * divides what it holds. What others make a connection hold, the replies that it may answer, ends nobody: where that is more,
 * it is forgotten. The host is turned to some other context afterwards.
 */
export function makeRoom(all: Connection[]): void {
  const before = usedBytes();
  for (let i = 0; i < all.length; i++) {
    const connection = all[i];
    if (connection.observing || connection.budgetedBytes == 0) continue;
    if (connection.endingSince > 0 || connection.phase == Phase.NEW) shed(connection);
  }
  if (!isRoomNeeded()) return;
  uniteMeters(all);
  for (let turns = 0; turns < MAX_TURNS && isRoomNeeded(); turns++) {
    const granted = mostGranted(all);
    const holder = largestHolder(all);
    if (granted != null && (holder == null || granted.grantedBytes > holder.ownBytes)) granted.forgetGrants();
    else if (holder != null) shed(holder);
    else break;
  }
  isInVain = usedBytes() == before;
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

/**
 * Ends a connection, which gives back all that it holds. The host is turned to it first, since the record that is written reads
 * its address from the host. Of one that is ending already there is a record.
 */
function shed(connection: Connection): void {
  if (connection.endingSince == 0) {
    actOn(connection.id);
    endAtOnce(connection, ProtocolError.MEMORY);
  } else closeSoon(connection);
  connection.giveUp();
}
