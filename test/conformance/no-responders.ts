import type { Session } from "./session.ts";
import { deniesOf, refuses } from "./strictness.ts";
import { matches } from "./subjects.ts";

/** nats-server's no-responders answer, to a subscription of the requester's own. */
const NO_RESPONDERS = /^HMSG (\S+) (\S+) \d+ \d+\r\nNATS\/1\.0 503\r\n/;
const SUB = /(?:^|\n)SUB +(\S+)(?: +(\S+))? +(\S+) *\r\n/gi;

function queueOf(sid: string, { send }: Session): string | undefined {
  const sent = send.map((step) => (typeof step === "string" ? step : step.data)).join("");
  return [...sent.matchAll(SUB)].findLast(([, , , last]) => last === sid)?.[2];
}

/**
 * What the client reads, without no-responders answers on subjects that deny entries withhold from it: the filter withholds these
 * too (`503-over-deny` in differences.ts).
 */
export function withoutDeniedAnswers(frames: readonly string[], session: Session): string[] {
  const deny = deniesOf(session.permissions);
  return frames.filter((frame) => {
    const [, subject = "", sid = ""] = NO_RESPONDERS.exec(frame) ?? [];
    if (subject === "") return true;
    const queue = queueOf(sid, session);
    return !deny.some((entry) => matches(entry.subject, subject) && refuses(entry, queue));
  });
}
