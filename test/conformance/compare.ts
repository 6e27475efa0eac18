import type { Outcome } from "./session.ts";

/** The observer's own liveness. It answers no PING, and how many it got depends on the machine. */
function isLiveness(frame: string): boolean {
  return frame === "PING" || frame === "-ERR 'Stale Connection'";
}

/** An outcome, with everything in it that two runs of one session must have in common. */
export function comparable({ delivered, observer_odd, ...rest }: Outcome): object {
  return {
    ...rest,
    delivered: delivered.map(({ sub, subject, reply, hdr, payload, size }) => ({
      sub,
      subject,
      reply,
      hdr,
      payload,
      size,
    })),
    odd: (observer_odd ?? []).filter((frame) => !isLiveness(frame)),
  };
}
