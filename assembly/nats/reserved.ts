import { Ascii } from "../bytes/ascii";
import { isOfJetStream } from "./jetstream-subjects";
import { endOfToken } from "./subject";

/** Subjects that nats-server keeps for itself, packed with the first byte lowest. */
const GATEWAY_REPLY: u64 = 0x2e5f52475f; // _GR_.
const OLD_GATEWAY_REPLY: u64 = 0x2e524724; // $GR.
const RAFT: u64 = 0x2e47524e24; // $NRG.
const SERVICE_REPLY: u64 = 0x2e5f525f; // _R_.
const SYSTEM: u64 = 0x2e53595324; // $SYS.
const CLUSTER: u64 = 0x2e43534a24; // $JSC.
const LEAF_LOOP: u64 = 0x2e53444c24; // $LDS.

/** Publishes that are refused whatever the rules say (client.go `processInboundClientMsg`). */
// @ts-ignore: decorator
@inline
export function isReservedPublish(pointer: usize, length: i32): bool {
  return mayBeReserved(pointer, length) && isPublishOfTheServer(pointer, length);
}

function isPublishOfTheServer(pointer: usize, length: i32): bool {
  return isGatewayReply(pointer, length) || beginsWithWord(pointer, length, RAFT, 5);
}

/**
 * Subscriptions that only servers make. By one to `$LDS.` and a name of its own a server sees its own subscriptions come back to it
 * over leaf nodes. It then ends that leaf node's connection for 30 seconds, and again as often as one makes it (leafnode.go
 * `handleLeafNodeLoop`). No nats-server keeps a client from subscribing there, and each tells clients the name (2.15.2, tried).
 */
export function isReservedSubscription(pointer: usize, length: i32): bool {
  return beginsWithWord(pointer, length, LEAF_LOOP, 5);
}

/**
 * Replies that a client may not name (client.go `isReservedReply` of 2.14.10 and 2.15.3; `_R_.` and `$NRG.` alone are reserved, the
 * others need a byte more). Before these two, of JetStream's subjects only `$JS.ACK.` was: an answer to `$JS.API.STREAM.DELETE.S`,
 * which JetStream itself sends to any request that names it, deleted the stream with the right to read that subject alone (2.15.2,
 * tried). No nats-server reserves `$NRG.`: on `$NRG.P.GROUP` an answer is an entry of that group's log, and ends a replicated stream.
 * Nor does any reserve what servers tell each other in the system account: a server's answer on `$SYS.SERVER.ID.SHUTDOWN` makes all
 * others take that one for offline, so that no stream is placed on it (events.go `remoteServerShutdown`; 2.15.2, tried), and `$JSC.`
 * has the usage that servers report. Below `$SYS.` they subscribe to nothing of two tokens.
 */
// @ts-ignore: decorator
@inline
export function isReservedReply(pointer: usize, length: i32): bool {
  return mayBeReserved(pointer, length) && isReplyOfTheServer(pointer, length);
}

function isReplyOfTheServer(pointer: usize, length: i32): bool {
  const end = pointer + <usize>length;
  return (
    beginsWithWord(pointer, length, SERVICE_REPLY, 4) ||
    beginsWithWord(pointer, length, RAFT, 5) ||
    (beginsWithWord(pointer, length, SYSTEM, 5) && endOfToken(pointer + 5, end) < end) ||
    beginsWithWord(pointer, length, CLUSTER, 5) ||
    (length > 4 && isOfJetStream(pointer, length)) ||
    isGatewayReply(pointer, length)
  );
}

/**
 * A quick look at the first bytes: all reserved subjects begin with '_' or '$', and none with `_I`, as inboxes do, which nearly
 * every reply subject is.
 */
// @ts-ignore: decorator
@inline
function mayBeReserved(pointer: usize, length: i32): bool {
  if (length < 2) return false;
  const first = load<u8>(pointer);
  return first == Ascii.DOLLAR || (first == Ascii.UNDERSCORE && load<u8>(pointer, 1) != 0x49); // I
}

/** Something must follow the dot (nats-server gateway.go `hasGWRoutedReplyPrefix`). */
function isGatewayReply(pointer: usize, length: i32): bool {
  return (
    (length > 5 && beginsWithWord(pointer, length, GATEWAY_REPLY, 5)) ||
    (length > 4 && beginsWithWord(pointer, length, OLD_GATEWAY_REPLY, 4))
  );
}

/** Do these `length` bytes begin with the `wordLength` bytes of `word`? */
function beginsWithWord(pointer: usize, length: i32, word: u64, wordLength: i32): bool {
  if (length < wordLength) return false;
  for (let i = 0; i < wordLength; i++) {
    if (<u64>load<u8>(pointer + <usize>i) != (word & 0xff)) return false;
    word >>= 8;
  }
  return true;
}
