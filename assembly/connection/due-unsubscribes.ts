import { digitsOf, writeDigits } from "../bytes/digits";
import { LINE_END, UNSUB_START } from "../nats/texts";
import { Chunk } from "../proxy/chunk";
import { Connection } from "./connection";
import { Pong } from "./expected-pongs";
import { writePing } from "./pings";
import { noteLimited } from "./stray-subscriptions";
import { isLive, maximumToTell, serialOf, setMax } from "./subscription";

/**
 * UNSUBs of ours. They become due where nothing can be written to the server, by a delivery or in a tick, and go with the client's
 * next operation. In `Connection.dueUnsubscribes` each is the length of its sid, i32, with WITH_MAXIMUM in it, and the sid.
 */
const SID: usize = 4;

/** The UNSUB goes with the maximum that its subscription has when it goes. */
const WITH_MAXIMUM: i32 = 1 << 30;

/**
 * Lets `UNSUB sid` go to the server with the client's next operation. Answers false when the budget has no room, and then
 * nothing has changed.
 */
export function unsubscribeLater(connection: Connection, sid: usize, length: i32): bool {
  return note(connection, sid, length, 0);
}

/** The same for `UNSUB sid max`, with the maximum that the subscription has at that time. */
export function tellMaximumLater(connection: Connection, sid: usize, length: i32): bool {
  return note(connection, sid, length, WITH_MAXIMUM);
}

function note(connection: Connection, sid: usize, length: i32, flag: i32): bool {
  const due = connection.dueUnsubscribes;
  if (!due.reserve(<i32>SID + length)) return false;
  store<i32>(due.pointer + <usize>due.length, length | flag);
  due.length += <i32>SID;
  due.append(sid, length);
  return true;
}

/**
 * Writes the UNSUBs that are due; `position` is the beginning of an operation. Answers false where the budget has no room for the
 * record of a PING that goes with one: then no operation may go to the server any more, since it could be of the sid of an UNSUB
 * that was not sent.
 */
export function sendUnsubscribes(connection: Connection, chunk: Chunk, position: i32): bool {
  const due = connection.dueUnsubscribes;
  const subscriptions = connection.subscriptions;
  chunk.drop(position, position);
  let at = due.pointer;
  const end = due.pointer + <usize>due.length;
  while (at < end) {
    const head = load<i32>(at);
    const sid = at + SID;
    const length = head & ~WITH_MAXIMUM;
    at = sid + <usize>length;
    const withMaximum = (head & WITH_MAXIMUM) != 0;
    const sub = subscriptions.find(sid, length);
    const maximum = withMaximum && sub != 0 ? maximumToTell(sub) : 0;
    // A SUB whose beginning had passed in DRY_RUN went before the UNSUB of its sid, which would end the new subscription now.
    const isDue = withMaximum ? maximum > 0 : sub == 0 || !isLive(sub);
    if (!isDue) continue;
    if (connection.options.verbose) {
      // The server's +OK for it must not reach the client.
      if (!connection.pongs.push(Pong.SWALLOW_OK)) return false;
      writePing(connection, chunk);
    }
    writeUnsubscribe(chunk, sid, length, maximum);
    if (maximum > 0) {
      noteLimited(connection, sid, length);
      setMax(sub, maximum, false);
    } else if (sub != 0 && subscriptions.tellEnd(sub)) {
      // Only the PONG of a PING behind it shows that all is here that the server delivered beyond the maximum.
      if (!connection.pongs.pushSubscription(Pong.BEGINS, sid, length, serialOf(sub))) return false;
      writePing(connection, chunk);
    }
  }
  due.clear();
  connection.queueLostSince = 0;
  if (subscriptions.hasUntoldRevocations) tellRevocations(connection, chunk);
  return true;
}

/**
 * The UNSUBs of all that was revoked have just been written. A PING goes behind them: all that nats-server delivered before it
 * took them comes before its PONG.
 */
function tellRevocations(connection: Connection, chunk: Chunk): void {
  const pinged = connection.pongs.push(Pong.REVOCATIONS_TAKEN);
  connection.subscriptions.tellRevocations(pinged);
  if (pinged) writePing(connection, chunk);
}

/** Writes an UNSUB. `maximum` has at most nine digits; 0 is none. */
export function writeUnsubscribe(chunk: Chunk, sid: usize, length: i32, maximum: i32): void {
  chunk.write(UNSUB_START);
  chunk.writeBytes(sid, length);
  if (maximum > 0) {
    const digits = digitsOf(maximum);
    const text = chunk.writeArea(1 + digits);
    store<u8>(text, 0x20);
    writeDigits(text + 1, maximum, digits);
    chunk.wrote(1 + digits);
  }
  chunk.write(LINE_END);
}
