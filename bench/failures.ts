import { messageOf } from "../tools/fault.ts";
import type { Job } from "./measure.ts";
import type { Rig } from "./rig.ts";

/** Something of a run that has no figures, and why. */
export interface Failure {
  /** What --only calls it, if it is work. */
  workload?: string;
  title: string;
  reason: string;
}

/**
 * Does a part of a run, which `what` names. If that fails, it is kept among `failures`, `tell` is called with the reason at once, and
 * the rig is made ready for what follows. Answers undefined then.
 */
export async function attempt<T>(
  rig: Pick<Rig, "recover">,
  what: Omit<Failure, "reason">,
  failures: Failure[],
  tell: (reason: string) => void,
  part: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await part();
  } catch (error) {
    const reason = messageOf(error);
    failures.push({ ...what, reason });
    tell(reason);
    await rig.recover();
    return undefined;
  }
}

/** The reason of what had no turn, or not all of them, when the run could not go on. */
export function endedBefore(ended = "nobody knows why"): string {
  return `the run had to end before: ${ended}`;
}

/** What a run has not measured of the work that it was asked for. `ended` is why it could not go on, if it could not. */
export function failuresOf(
  wanted: readonly Job[],
  finished: readonly { workload: string }[],
  failed: readonly Failure[],
  ended: string | undefined,
): Failure[] {
  return wanted
    .map(({ workload: { name, title } }) => ({ workload: name, title }))
    .filter(({ workload }) => !finished.some((one) => one.workload === workload))
    .map(
      (work) =>
        failed.find(({ workload }) => workload === work.workload) ?? {
          ...work,
          reason: endedBefore(ended),
        },
    );
}

/** The failures as a list in Markdown, with a line each. What has been logged besides stands where the run told of it. */
export function failureList(failures: readonly Failure[]): string {
  return failures.map(({ title, reason }) => `- ${title}: ${reason.split("\n")[0] ?? ""}\n`).join("");
}

/** What to do about failures, in a sentence or two. */
export function remedyOf(failures: readonly Failure[]): string {
  const only = failures.flatMap(({ workload }) => workload ?? []).join(",");
  const again =
    only === ""
      ? ""
      : `Measure what failed by itself (\`npm run bench -- --only ${only}\`) to see whether it was chance. `;
  return `${again}Only a whole run writes bench/RESULTS.md.`;
}
