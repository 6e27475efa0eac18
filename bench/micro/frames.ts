import { Host } from "../../test/host/host.ts";
import { istioJson } from "../../test/host/istio-json.ts";
import { Wire } from "../../test/host/wire.ts";
import { Driver } from "./driver.ts";
import { alternate, type Timing } from "./measure.ts";
import { frameCases, type Stream, type FrameCase } from "./frame-cases.ts";

/** What one callback of the measured direction gets, and what the other side answers. */
interface Step {
  chunk: Uint8Array;
  answer: Uint8Array | null;
}

/**
 * Cuts a stream as a socket does: by its own sizes, not at frame boundaries. Each chunk brings the answers for the frames that
 * ended in it.
 */
export function stepsOf(stream: Stream, chunkSize: number): Step[] {
  const steps: Step[] = [];
  let frame = 0;
  for (let at = 0; at < stream.bytes.length; at += chunkSize) {
    const chunk = stream.bytes.subarray(at, at + chunkSize);
    const first = frame;
    while ((stream.ends[frame] ?? Infinity) <= at + chunk.length) frame++;
    const answer = stream.answers.slice(first, frame).join("");
    steps.push({ chunk, answer: answer === "" ? null : Buffer.from(answer) });
  }
  return steps;
}

/** Host calls of one callback of the measured direction, on average. */
export interface Calls {
  reads: number;
  edits: number;
  others: number;
}

const KINDS: Record<string, keyof Calls> = { proxy_get_buffer_bytes: "reads", proxy_set_buffer_bytes: "edits" };

/**
 * Sends the stream through the host of test/host once and compares what comes out with what must. A measurement is worth nothing if
 * the work was not done.
 */
export function prove(module: WebAssembly.Module, frameCase: FrameCase, chunkSize: number, policy: object): Calls {
  const host = new Host(module);
  host.configure(policy);
  const wire = Wire.connected(host);
  if (frameCase.before !== "") wire.client(frameCase.before);
  const { stream } = frameCase;
  const out: Buffer[] = [];
  const answered: string[] = [];
  const counts = { reads: 0, edits: 0, others: 0 };
  const steps = stepsOf(stream, chunkSize);
  for (const { chunk, answer } of steps) {
    host.resetCounts();
    const text = Buffer.from(chunk);
    const fromClient = stream.direction === "client";
    out.push(Buffer.from(fromClient ? wire.client(text) : wire.server(text), "latin1"));
    for (const [name, count] of Object.entries(host.counts)) counts[KINDS[name] ?? "others"] += count;
    if (answer !== null) answered.push(fromClient ? wire.server(answer) : wire.client(answer));
  }
  if (!Buffer.concat(out).equals(stream.expected) || answered.join("") !== stream.expectedAnswers) {
    throw new Error(
      `${frameCase.name}, ${frameCase.payload ?? 0} bytes: the filter did something else with this stream`,
    );
  }
  return {
    reads: counts.reads / steps.length,
    edits: counts.edits / steps.length,
    others: counts.others / steps.length,
  };
}

type Side = (chunk: Uint8Array) => void;

/** The two directions: where the stream comes from, and where its answers come from. */
function sidesOf(driver: Driver, { direction }: Stream): [Side, Side] {
  const client: Side = (chunk) => driver.client(chunk);
  const server: Side = (chunk) => driver.server(chunk);
  return direction === "client" ? [client, server] : [server, client];
}

/** Feeds the steps to the filter, from both sides, `anew` on a connection of their own each time. */
export function passOver(driver: Driver, stream: Stream, steps: readonly Step[], anew = false): () => void {
  const [one, other] = sidesOf(driver, stream);
  return () => {
    if (anew) driver.reconnect();
    for (const { chunk, answer } of steps) {
      one(chunk);
      if (answer !== null) other(answer);
    }
  };
}

/** Makes the same callbacks and host calls, without the filter's work between them. */
function passWithoutFilter(driver: Driver, stream: Stream, steps: readonly Step[], anew = false): () => void {
  const [one, other] = sidesOf(driver, stream);
  if (anew) driver.reconnect();
  const callbacks = steps.flatMap(({ chunk, answer }) => {
    const both = [{ chunk, calls: driver.record(() => one(chunk)) }];
    if (answer !== null) both.push({ chunk: answer, calls: driver.record(() => other(answer)) });
    return both;
  });
  return () => {
    for (const { chunk, calls } of callbacks) {
      driver.empty();
      driver.replay(calls, chunk);
    }
  };
}

/** A driver of this build under the policy, whose connection is prepared for the case. */
export function driverFor(module: WebAssembly.Module, { before }: FrameCase, policy: object): Driver {
  const driver = new Driver(module, istioJson(policy));
  if (before !== "") driver.client(Buffer.from(before));
  return driver;
}

/** Bytes that the filter allocates for a frame once the audit's burst is used up, as reported by a build that counts them. */
function allocatedBy(counting: WebAssembly.Module, frameCase: FrameCase, chunkSize: number, policy: object): number {
  const { stream, anew } = frameCase;
  const driver = driverFor(counting, frameCase, policy);
  const pass = passOver(driver, stream, stepsOf(stream, chunkSize), anew);
  const PASSES = 3;
  for (let i = 0; i < PASSES; i++) pass();
  const start = driver.global("allocated_bytes");
  for (let i = 0; i < PASSES; i++) pass();
  return (driver.global("allocated_bytes") - start) / (PASSES * stream.ends.length);
}

export interface FrameRow extends Timing {
  operation: string;
  /** Payload bytes, or null if the operation has no payload. */
  payload: number | null;
  chunk: number;
  /** The text that `--only` is searched for in. */
  label: string;
  frameBytes: number;
  /** The part of `median` that the same callbacks and host calls cost without the filter. */
  host: number;
  /** Bytes allocated for each frame, or null if no build that counts was given. */
  allocated: number | null;
  /** Host calls per callback of the measured direction. */
  calls: Calls;
}

export function labelOf({ name, payload }: FrameCase, chunk: number): string {
  const size = payload === undefined ? "" : payload < 1024 ? `, ${payload} B` : `, ${payload / 1024} KiB`;
  return `${name}${size}, chunks of ${chunk / 1024} KiB`;
}

/** Each case with those of its chunks whose label contains `only`, and the policy with what the case changes in it. */
export function selectedCases(
  only: string,
  policy: object,
): { frameCase: FrameCase; chunks: readonly number[]; applied: object }[] {
  return frameCases()
    .map((frameCase) => ({
      frameCase,
      chunks: frameCase.chunks.filter((chunk) => labelOf(frameCase, chunk).includes(only)),
      applied: { ...policy, ...frameCase.settings },
    }))
    .filter(({ chunks }) => chunks.length > 0);
}

/** Measures all cases whose label contains `only`. */
export function measureFrames(
  module: WebAssembly.Module,
  counting: WebAssembly.Module | null,
  only: string,
  rounds: number,
  policy: object,
): FrameRow[] {
  const prepared = selectedCases(only, policy).flatMap(({ frameCase, chunks, applied }) => {
    const driver = driverFor(module, frameCase, applied);
    const { stream } = frameCase;
    const units = stream.ends.length;
    return chunks.map((chunk) => {
      const steps = stepsOf(stream, chunk);
      return {
        row: {
          operation: frameCase.name,
          payload: frameCase.payload ?? null,
          chunk,
          label: labelOf(frameCase, chunk),
          frameBytes: Math.round(stream.bytes.length / units),
          allocated: counting && allocatedBy(counting, frameCase, chunk, applied),
          calls: prove(module, frameCase, chunk, applied),
        },
        filter: { units, pass: passOver(driver, stream, steps, frameCase.anew) },
        host: { units, pass: passWithoutFilter(driver, stream, steps, frameCase.anew) },
      };
    });
  });
  const timings = alternate(
    prepared.flatMap(({ filter, host }) => [filter, host]),
    rounds,
  );
  return prepared.map(({ row }, i) => {
    const [filter, host] = timings.slice(2 * i, 2 * i + 2);
    if (!filter || !host) throw new Error(`${row.label} was not measured`);
    const { median, least, most } = filter;
    return { ...row, median, least, most, host: host.median };
  });
}
