import { sameBytes } from "../bytes/compare";
import { FixedText, fixedText } from "../bytes/fixed-text";
import { ClientLine } from "../nats/client-line";
import { hidesControlStatus } from "../nats/control-status";
import { isFastBatch } from "../nats/fast-batch";
import { HeaderUse } from "../nats/header-uses";
import { VERSION_LENGTH } from "../nats/header-version";
import { headerFields, isMalformed, repeatsName } from "../nats/headers";
import { isReservedPublish } from "../nats/reserved";
import { isLiteral, Tokens, wildcardIn } from "../nats/subject";
import { Violation } from "../nats/texts";
import { CR_LF } from "../nats/words";
import { EntryFlag } from "../policy/matcher-entries";
import { Permissions } from "../policy/permissions";
import { Reason } from "../policy/reason";

const tokens: Tokens = new Tokens();

/** What nats-server writes for a trace destination into messages that are not to be traced (msgtrace.go `MsgTraceDestDisabled`). */
const TRACE_DISABLED: FixedText = fixedText("trace disabled");

/**
 * Bytes below `max_payload` that a traced message must leave for the headers that servers add to it on its way, or a sixteenth of that
 * where it is small. Beyond it the next server ends the leaf node's connection on which the message comes (leafnode.go
 * `processLeafHeaderMsgArgs`; 2.15.2, tried).
 */
const ROOM_FOR_TRACE: i32 = 4096;

/** What the text of the last refusal by `judgeHeaders` names, and how that begins. Only valid until the callback ends. */
export let refusedName: usize = 0;
export let refusedNameLength: i32 = 0;
export let refusedViolation: Violation = Violation.PUBLISH;
/** It was the trace destination that was refused, about which nats-server asks before it asks about the subject. */
export let refusesTraceDest: bool = false;

/**
 * Why a header of this HPUB, whose headers are all there, is refused, or ALLOWED. The first refused header decides, but a refused
 * trace destination comes before all others. Whoever names the requester itself (`REQUEST_INFO`) may not have the message traced:
 * without that nats-server replaces what it says. No block may become another one to nats-server after its check, and no message may
 * pass to clients for one that nats-server itself sends them (nats/control-status.ts). A compressed trace, which has headers, goes only
 * where the sender may receive it: if that is an imported service whose latency headers have measured, nats-server ends by what it
 * publishes there itself with headers (accounts.go `shouldSample`; 2.11 to 2.15, tried). No schedule, counter or the like may be on a
 * subject that hides headers where JetStream writes it into one (`repeatsName`). A header that names no subject is refused for the
 * subject of the publish. `largestPayload` is what a message may have in bytes, 0 while nats-server has not told.
 */
export function judgeHeaders(permissions: Permissions, line: ClientLine, largestPayload: i32): Reason {
  refuse(Violation.PUBLISH, line.subject, line.subjectLength);
  refusesTraceDest = false;
  let first: Reason = Reason.ALLOWED;
  let traces = false;
  let tracesToOthers = false;
  let namesRequester = false;
  let speaksForServer = false;
  // Uses about which the subject alone decides, as bits. A block has more than a thousand such lines, and a subject 4 KiB.
  let decided = 0;
  headerFields.begin(line.next, line.headerLength);
  for (let use = headerFields.next(); use != HeaderUse.NO_USE; use = headerFields.next()) {
    if (use == HeaderUse.OF_THE_SERVER) {
      speaksForServer = true;
      continue;
    }
    const isTrace = use == HeaderUse.TRACE_DEST;
    if (isTrace) {
      if (disablesTrace(headerFields.value, headerFields.valueLength)) continue;
      traces = true;
    }
    if (use == HeaderUse.REQUEST_INFO) {
      namesRequester = true;
      continue;
    }
    if ((first != Reason.ALLOWED && !isTrace) || (decided & (1 << use)) != 0) continue;
    const name = headerFields.value;
    const length = headerFields.valueLength;
    if (isTrace && !permissions.receives(name, length)) tracesToOthers = true;
    const reason = judgeHeader(permissions, use, name, length, line);
    if (reason == Reason.ALLOWED) {
      if (use == HeaderUse.ROLLUP_SUBJECT || use == HeaderUse.ROLLUP_ALL) decided |= 1 << use;
      continue;
    }
    if (reason != Reason.ROLLUP) {
      const subscribes = use == HeaderUse.SCHEDULE_SOURCE;
      refuse(subscribes ? Violation.SUBSCRIPTION : Violation.PUBLISH, name, length);
    }
    first = reason;
    if (isTrace) {
      refusesTraceDest = true;
      return first;
    }
  }
  if (first != Reason.ALLOWED) return first;
  return speaksForServer ||
    misleads(line, traces, namesRequester) ||
    (decided != 0 && repeatsName(line.subject, line.subjectLength)) ||
    isOfWrongBatch(line, traces) ||
    (traces && lacksRoom(line, largestPayload)) ||
    (tracesToOthers && headerFields.asksForEncoding)
    ? Reason.HEADER
    : Reason.ALLOWED;
}

/**
 * Is a block whose headers are each allowed another one to nats-server after its check, or to a client (docs/adr/0005)? It `traces`
 * if a header has the message traced, and `namesRequester` if one says who asks.
 */
function misleads(line: ClientLine, traces: bool, namesRequester: bool): bool {
  return (
    isMalformed(line.next, line.headerLength) ||
    (traces && (namesRequester || load<u16>(line.next, VERSION_LENGTH) != CR_LF)) ||
    headerFields.hidesLines ||
    hidesControlStatus(line.next, line.headerLength)
  );
}

/** Does a trace destination say that the message is not to be traced, in just these bytes (`genHeaderMapIfTraceHeadersPresent`)? */
function disablesTrace(value: usize, length: i32): bool {
  return length == TRACE_DISABLED.length && sameBytes(value, TRACE_DISABLED.pointer, length);
}

/**
 * Is it a message of a batch in which it may not be? One of a fast batch may not be one of an atomic batch, too: what JetStream stores of
 * it stands there for the beginning of that batch, so that nats-server stores at its next start what its author has not committed.
 * None may be traced. One of a fast batch that is only traced (`Nats-Trace-Only`) goes into the log of a replicated stream like any other,
 * and then the server that leads alone knows that it is not to be stored. One of an atomic batch is stored with its headers, by which the
 * next server only traces it, so that no reader there gets it (2.15.2, all tried).
 */
function isOfWrongBatch(line: ClientLine, traces: bool): bool {
  const isOfFast = isFastBatch(line.reply, line.replyLength);
  if (!isOfFast && !traces) return false;
  return headerFields.isOfAtomicBatch || (isOfFast && traces);
}

/** Would headers that servers add make a traced message larger than `max_payload`? */
function lacksRoom(line: ClientLine, largestPayload: i32): bool {
  return line.size > largestPayload - min(ROOM_FOR_TRACE, largestPayload >> 4);
}

function refuse(violation: Violation, name: usize, length: i32): void {
  refusedViolation = violation;
  refusedName = name;
  refusedNameLength = length;
}

/** A header about a whole stream, or more than one subject, needs a rule with `rollup: ALL`. */
function judgeRollup(permissions: Permissions, line: ClientLine): Reason {
  return permissions.publishAllowsWith(line.subject, line.subjectLength, EntryFlag.ROLLUP_ALL)
    ? Reason.ALLOWED
    : Reason.ROLLUP;
}

function judgeHeader(permissions: Permissions, use: HeaderUse, name: usize, length: i32, line: ClientLine): Reason {
  switch (use) {
    case HeaderUse.ROLLUP_SUBJECT:
      // On a subject with wildcards it purges or reads more than one subject, as `all` does.
      if (staysLiteral(line.subject, line.subjectLength)) return Reason.ALLOWED;
      return judgeRollup(permissions, line);
    case HeaderUse.ROLLUP_ALL:
      return judgeRollup(permissions, line);
    case HeaderUse.SCHEDULE_SOURCE:
      return namesOne(name, length) && permissions.receives(name, length) ? Reason.ALLOWED : Reason.HEADER;
    case HeaderUse.TRACE_DEST:
      // With what is no subject nats-server only fills its log, where each byte of it can take four.
      if (hasSubjectBlank(name, length) || !isLiteral(tokens, name, length)) return Reason.HEADER;
      break;
    case HeaderUse.SCHEDULE_TARGET:
    case HeaderUse.SCHEDULER:
      // nats-server 2.12 purges with wildcards; a literal check of a pattern would look past the deny list.
      if (!namesOne(name, length)) return Reason.HEADER;
      break;
  }
  if (isReservedPublish(name, length)) return Reason.HEADER;
  return permissions.publish(name, length) == Reason.ALLOWED ? Reason.ALLOWED : Reason.HEADER;
}

/**
 * Does a header of a schedule name one subject, and the same one when JetStream acts on it? It asks that itself, but not of a schedule
 * that is hidden from it at first (docs/adr/0005). What is stored under a name with blanks ends whoever gets it: a client, a route.
 */
function namesOne(pointer: usize, length: i32): bool {
  return !hasSubjectBlank(pointer, length) && staysLiteral(pointer, length);
}

/**
 * Is it a literal subject, and none that a stream's `subject_transform` may make a pattern of? A rollup on `in.->` emptied a stream
 * that stores to `data.{{split(1,-)}}` (2.15.2, tried).
 */
function staysLiteral(pointer: usize, length: i32): bool {
  return wildcardIn(pointer, length) == 0 && isLiteral(tokens, pointer, length);
}

/** Has it a byte that nats-server takes for a blank in a subject (sublist.go `isValidSubject`)? All of ASCII's but VT. */
function hasSubjectBlank(pointer: usize, length: i32): bool {
  for (let i = 0; i < length; i++) {
    const b = load<u8>(pointer + <usize>i);
    if (b == 0x20 || (b >= 0x09 && b <= 0x0d && b != 0x0b)) return true;
  }
  return false;
}
