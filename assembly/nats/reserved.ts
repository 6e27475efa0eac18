import { Ascii } from "../bytes/ascii";
import { startsWith } from "../bytes/compare";
import { FixedText, fixedText } from "../bytes/fixed-text";
import { isOfJetStream } from "./jetstream-subjects";
import { endOfToken } from "./subject";

/** How subjects begin that nats-server keeps for itself. */
const GATEWAY_REPLY: FixedText = fixedText("_GR_.");
const OLD_GATEWAY_REPLY: FixedText = fixedText("$GR.");
const RAFT: FixedText = fixedText("$NRG.");
const SERVICE_REPLY: FixedText = fixedText("_R_.");
const SYSTEM: FixedText = fixedText("$SYS.");
const CLUSTER: FixedText = fixedText("$JSC.");
const LEAF_LOOP: FixedText = fixedText("$LDS.");

/** Publishes that are refused whatever the rules say (client.go `processInboundClientMsg`). */
// @ts-ignore: decorator
@inline
export function isReservedPublish(pointer: usize, length: i32): bool {
  return mayBeReserved(pointer, length) && isPublishOfTheServer(pointer, length);
}

function isPublishOfTheServer(pointer: usize, length: i32): bool {
  return isGatewayReply(pointer, length) || startsWith(pointer, length, RAFT);
}

/**
 * Subscriptions that only servers make. By one to `$LDS.` and a name of its own a server sees its own subscriptions come back to it
 * over leaf nodes. It then ends that leaf node's connection for 30 seconds, and again as often as one makes it (leafnode.go
 * `handleLeafNodeLoop`). No nats-server keeps a client from subscribing there, and each tells clients the name (2.15.2, tried).
 */
export function isReservedSubscription(pointer: usize, length: i32): bool {
  return startsWith(pointer, length, LEAF_LOOP);
}

/**
 * Replies that a client may not name (client.go `isReservedReply` of 2.14.10 and 2.15.3; `_R_.`, `$NRG.` and `$JSC.` alone are
 * reserved, `$SYS.` with two more tokens, and the others with a byte more). Before these two, of JetStream's subjects only
 * `$JS.ACK.` was: an answer to `$JS.API.STREAM.DELETE.S`, which JetStream itself sends to any request that names it, deleted the
 * stream with the right to read that subject alone (2.15.2, tried). No nats-server reserves `$NRG.`: on `$NRG.P.GROUP` an answer is
 * an entry of that group's log, and ends a replicated stream. Nor does any reserve what servers tell each other in the system
 * account: a server's answer on `$SYS.SERVER.ID.SHUTDOWN` makes all others take that one for offline, so that no stream is placed
 * on it (events.go `remoteServerShutdown`; 2.15.2, tried), and `$JSC.` has the usage that servers report. Below `$SYS.` they
 * subscribe to nothing of two tokens.
 */
// @ts-ignore: decorator
@inline
export function isReservedReply(pointer: usize, length: i32): bool {
  return mayBeReserved(pointer, length) && isReplyOfTheServer(pointer, length);
}

function isReplyOfTheServer(pointer: usize, length: i32): bool {
  const end = pointer + <usize>length;
  return (
    startsWith(pointer, length, SERVICE_REPLY) ||
    startsWith(pointer, length, RAFT) ||
    (startsWith(pointer, length, SYSTEM) && endOfToken(pointer + <usize>SYSTEM.length, end) < end) ||
    startsWith(pointer, length, CLUSTER) ||
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
    (length > GATEWAY_REPLY.length && startsWith(pointer, length, GATEWAY_REPLY)) ||
    (length > OLD_GATEWAY_REPLY.length && startsWith(pointer, length, OLD_GATEWAY_REPLY))
  );
}
