import { execFileSync } from "node:child_process";
import { REPEATABLE } from "../../tools/go.ts";
import { inRoot } from "../../tools/paths.ts";

/** A request or answer is a little-endian u32 length, followed by that many bytes. */
function framed(requests: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const request of requests) {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(request.length);
    parts.push(length, request);
  }
  return Buffer.concat(parts);
}

/** Runs a Go program of tools/go. */
export function runGo(args: string[], input: Uint8Array = new Uint8Array(0)): Buffer {
  return execFileSync("go", ["run", ...REPEATABLE, ...args], {
    cwd: inRoot("tools", "go"),
    input,
    maxBuffer: 1 << 30,
    stdio: ["pipe", "pipe", "inherit"],
  });
}

/** What the pinned nats-server's own code (tools/go/oracle) answers to each request. */
export function askOracle(question: "quote" | "headers", requests: readonly Uint8Array[]): Uint8Array[] {
  const output = runGo(["./oracle", question], framed(requests));
  const answers: Uint8Array[] = [];
  for (let at = 0; at < output.length;) {
    const length = output.readUInt32LE(at);
    answers.push(output.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  if (answers.length !== requests.length) {
    throw new Error(`${requests.length} requests to the oracle, ${answers.length} answers`);
  }
  return answers;
}
