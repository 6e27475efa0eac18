import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../tools/command.ts";
import { REPEATABLE } from "../../tools/go.ts";
import { cache, inRoot } from "../../tools/paths.ts";
import { step } from "../../tools/progress.ts";
import { union } from "../policy.ts";

/** A small filter in another language that does the core of the same work, or why it is absent on this machine. */
export type Peer = { name: string; wasmPath: string } | { name: string; absent: string };

/** The peers' configuration: the lists of the bench's twenty rules. The peers know neither identities nor rules. */
export const peerConfig = { publish: union("publish"), subscribe: union("subscribe") };

/** Runs a build that makes `wasmPath`. If the build fails, its output says why the peer is absent. */
async function built(
  name: string,
  wasmPath: string,
  build: () => Promise<{ status: number; output: string }>,
): Promise<Peer> {
  const { status, output } = await step(`the peer in ${name}`, build);
  if (status === 0 && existsSync(wasmPath)) return { name, wasmPath };
  return { name, absent: output.trim().split("\n").slice(-5).join("\n") };
}

/** Go's own compiler, which builds a WASI reactor. The Go SDK asks for that since it left TinyGo. */
function goPeer(): Promise<Peer> {
  const wasmPath = inRoot("build", "peers", "go.wasm");
  const args = ["build", "-buildmode=c-shared", ...REPEATABLE, "-ldflags=-s -w", "-o", wasmPath, "."];
  const env = { GOOS: "wasip1", GOARCH: "wasm", CGO_ENABLED: "0" };
  return built("Go", wasmPath, () => run("go", args, { cwd: inRoot("bench", "peers", "go"), env }));
}

/** rustup reads the compiler and its target from rust-toolchain.toml, and installs them if they are missing. */
function rustPeer(): Promise<Peer> {
  const target = join(cache, "peers-rust");
  const args = ["build", "--release", "--locked", "--quiet", "--target-dir", target];
  const wasmPath = join(target, "wasm32-wasip1", "release", "istio_nats_peer.wasm");
  const env = { RUSTUP_AUTO_INSTALL: "1" };
  return built("Rust", wasmPath, () => run("cargo", args, { cwd: inRoot("bench", "peers", "rust"), env }));
}

/**
 * Builds the peers one after the other, since each takes all cores. Rust takes two minutes the first time; both take a second or
 * two when nothing has changed. Never rejects: a peer whose toolchain is missing is absent, with the reason.
 */
export async function peerModules(): Promise<Peer[]> {
  mkdirSync(inRoot("build", "peers"), { recursive: true });
  return [await goPeer(), await rustPeer()];
}
