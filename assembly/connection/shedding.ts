import { forgetRefused, freeKept, isScattered, limitBytes, USUAL, usedBytes } from "../bytes/budget";
import { linearBytes } from "../bytes/linear-memory";
import { hasPassed } from "../proxy/clock";
import { Meter } from "../telemetry/meter";
import { ProtocolError } from "../telemetry/protocol-error";
import { callbackTime } from "./callback-time";
import { clientOf } from "./client";
import { Connection, Phase } from "./connection";
import { closeSoon, endAtOnce } from "./endings";
import { budgetedBytes, gapsBehind, gapsBehindGrants, grantedBytes, ownBytes } from "./holdings";

/**
 * Which connections end when the VM's budget (`limits.memory`) is nearly used up. A connection that asks for what is not left
 * ends by that, but it is hardly the one that has used the budget up. So room is made before each callback that may ask
 * (docs/adr/0015).
 */

/** One part in so many of the budget stays free, for connections that hold little. */
const FREE_PART: usize = 10;
/** One part in so many of the budget: where a principal and all replies together weigh less for gaps, nobody gives back. */
const GAPS_LEFT_PART: i64 = 2;
/**
 * Turns in one callback at most, in each of which a connection goes or its grants do, since each takes four looks at all
 * connections.
 */
const MAX_TURNS: i32 = 16;

/** One part in so many of the budget: once so much was taken or given back, those may have something to give back who had nothing. */
const MOVED_PART: usize = 32;
/** Milliseconds from one collection for gaps to the next one, and when the last one was. */
const COLLECTED_MILLISECONDS: i64 = 1000;
let collectedAt: i64 = 0;
/** In `inVainAt`: more bytes than any budget has. */
const NEVER: usize = 1 << 31;
/** Bytes that were in use when nobody had anything to give back, after which looking again is left to the next tick, or NEVER. */
let inVainAt: usize = NEVER;

/** Is so much of the budget in use that connections are to give back what they hold? */
// @ts-ignore: decorator
@inline
function isUsedUp(): bool {
  return isMost(usedBytes());
}

// @ts-ignore: decorator
@inline
function isMost(bytes: usize): bool {
  return bytes > limitBytes() - limitBytes() / FREE_PART;
}

/** The same, also where what is free lies in gaps that are too small. */
// @ts-ignore: decorator
@inline
export function isRoomNeeded(): bool {
  return (isUsedUp() || isScattered()) && !isInVain();
}

/**
 * Has nobody had anything to give back, while about as much was in use as now? With nine tenths in use everybody has to who holds
 * anything, and with less only who leaves so many gaps.
 */
function isInVain(): bool {
  const used = usedBytes();
  const moved = limitBytes() / MOVED_PART;
  return used + moved - inVainAt < moved * 2 && isMost(used) == isMost(inVainAt);
}

/** A tick has come: who had nothing to give back before may have something now. */
export function lookAgain(): void {
  inVainAt = NEVER;
}

/**
 * A record for each connection that may have to give something back: bytes that it holds by its own doing, u32; those of reply
 * subjects that it may answer, u32; where its principal is added up, an i64 in the same block; and the connection. They lie in one
 * block, since each turn looks at all of them, and the connections themselves lie on a page each if each holds much.
 */
const OWN: usize = 0;
const GRANTED: usize = 4;
const SUM: usize = 8;
const CONNECTION: usize = 12;
const STRIDE: usize = 16;
const SUM_BYTES: usize = 8;
let block: usize = 0;
let records: usize = 0;
let recordsEnd: usize = 0;

/** What `mostOf` has added up last: of all connections, and of those of the principal that has most. */
let bytesOfAll: i64 = 0;
let bytesOfHeaviest: i64 = 0;

/**
 * Makes room, if `isRoomNeeded`. `all` are the connections of the VM's root contexts. Those that are about to go, and those
 * that pass unread, give back what they hold first. Then, of the principal whose connections hold most, the one that holds
 * most goes; the newest of several that hold as much. So a principal shuts out nobody else, among however many connections
 * it divides what it holds. What others make connections hold, the replies that they may answer, ends nobody: where all of
 * that is more than the principal's, some is forgotten. The host is turned to some other context afterwards.
 *
 * Where there is room and no gap is large enough, the same holds for bytes of the gaps behind what connections hold, and half of what
 * they hold, replies as well. All of it goes back to everybody. With what they hold left out, nobody went where policies take so much of
 * linear memory that gaps cannot be as large as GAPS_LEFT_PART.
 *
 * A connection whose client has said nothing yet holds at most the beginning of a line of nats-server's, by no doing of the
 * client's, and keeps it.
 */
export function makeRoom(all: Connection[]): void {
  for (let i = 0; i < all.length; i++) {
    const connection = all[i];
    const goes = connection.endingSince > 0 || connection.phase == Phase.UNREAD;
    if (goes && budgetedBytes(connection) > 0) shed(connection);
  }
  if (!isRoomNeeded()) return;
  const before = usedBytes();
  const forGaps = !isUsedUp();
  if (forGaps) {
    collectGarbage();
    // Then nobody is asked, nor has that been in vain.
    if (!isScattered()) return;
  }
  weigh(all, forGaps);
  for (let turns = 0; turns < MAX_TURNS && (forGaps ? isScattered() : isUsedUp()); turns++) {
    forgetRefused();
    const granted = mostOf(GRANTED);
    const bytesGranted = bytesOfAll;
    const holder = mostOf(OWN);
    if (forGaps && bytesGranted + bytesOfHeaviest < <i64>limitBytes() / GAPS_LEFT_PART) break;
    if (granted != 0 && bytesGranted > bytesOfHeaviest) {
      changetype<Connection>(load<usize>(granted, CONNECTION)).forgetGrants();
      store<u32>(granted, 0, GRANTED);
    } else if (holder != 0) {
      shed(changetype<Connection>(load<usize>(holder, CONNECTION)));
      store<u32>(holder, 0, OWN);
      store<u32>(holder, 0, GRANTED);
    } else break;
  }
  heap.free(block);
  inVainAt = usedBytes() == before ? before : NEVER;
}

/**
 * Gives back what keeps gaps apart and belongs to nobody (docs/adr/0015): blocks that are kept, and what the runtime has not collected
 * yet, of which each tick leaves some. So little that once in COLLECTED_MILLISECONDS is enough, since it takes a look at all that is in
 * use.
 */
function collectGarbage(): void {
  freeKept();
  const now = callbackTime();
  if (!hasPassed(now, collectedAt, COLLECTED_MILLISECONDS)) return;
  collectedAt = now;
  __collect();
  forgetRefused();
}

/**
 * Writes the records. Each plugin of a VM has meters of its own, and principals beyond `telemetry.principals` share one: so the sums
 * are found by the principals, once for each meter that is not shared. Where gaps are to be joined, these count, up to what is large
 * enough (`isScattered`), and bytes by half.
 */
function weigh(all: Connection[], forGaps: bool): void {
  const sums = <usize>all.length * SUM_BYTES;
  block = heap.alloc(sums + <usize>all.length * STRIDE);
  memory.fill(block, 0, sums);
  records = block + sums;
  recordsEnd = records;
  for (let i = 0; i < all.length; i++) {
    const connection = all[i];
    const meter = connection.meter;
    if (meter == null || connection.phase != Phase.OPEN) continue;
    meter.sum = 0;
    let own = ownBytes(connection);
    let granted = grantedBytes(connection);
    if (forGaps) {
      own = withGaps(own, gapsBehind(connection, USUAL * 2));
      granted = withGaps(granted, gapsBehindGrants(connection, USUAL * 2));
    }
    store<u32>(recordsEnd, <u32>own, OWN);
    store<u32>(recordsEnd, <u32>granted, GRANTED);
    store<usize>(recordsEnd, changetype<usize>(meter), SUM);
    store<usize>(recordsEnd, changetype<usize>(connection), CONNECTION);
    recordsEnd += STRIDE;
  }
  // Addresses, as i32 so that no further kind of map is compiled into the module.
  const known: Map<string, i32> = new Map();
  let next = block;
  for (let at = records; at < recordsEnd; at += STRIDE) {
    const meter = changetype<Meter>(load<usize>(at, SUM));
    let sum = meter.sum;
    if (sum == 0) {
      const principal = clientOf(changetype<Connection>(load<usize>(at, CONNECTION)).id).principal;
      if (!known.has(principal)) {
        known.set(principal, <i32>next);
        next += SUM_BYTES;
      }
      sum = <usize>known.get(principal);
      if (!meter.isShared) meter.sum = sum;
    }
    store<usize>(at, sum, SUM);
  }
}

/** What weighs where gaps are to be joined. */
function withGaps(bytes: i64, gaps: i64): i64 {
  return bytes / 2 + min(gaps, <i64>linearBytes());
}

/**
 * Of the principal whose connections weigh most, by OWN or by GRANTED, the record of the connection that weighs most, the last
 * of several; 0 if none weighs anything.
 */
function mostOf(weight: usize): usize {
  let heaviest: usize = 0;
  bytesOfAll = 0;
  bytesOfHeaviest = 0;
  for (let at = records; at < recordsEnd; at += STRIDE) {
    const sum = load<usize>(at, SUM);
    const bytes = <i64>load<u32>(at + weight);
    bytesOfAll += bytes;
    const held = load<i64>(sum) + bytes;
    store<i64>(sum, held);
    if (held <= bytesOfHeaviest) continue;
    heaviest = sum;
    bytesOfHeaviest = held;
  }
  let most: usize = 0;
  let bytes: u32 = 1;
  for (let at = records; at < recordsEnd; at += STRIDE) {
    const sum = load<usize>(at, SUM);
    store<i64>(sum, 0);
    if (sum != heaviest || load<u32>(at + weight) < bytes) continue;
    most = at;
    bytes = load<u32>(at + weight);
  }
  return most;
}

/**
 * Ends a connection, which gives back all that it holds; in DRY_RUN it passes unread from now on. Of one that has ended already
 * there is a record.
 */
function shed(connection: Connection): void {
  if (connection.phase == Phase.OPEN) endAtOnce(connection, ProtocolError.MEMORY);
  else if (connection.phase != Phase.UNREAD) closeSoon(connection);
  connection.giveUp();
}
