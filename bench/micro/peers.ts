import { readFileSync } from "node:fs";
import { istioJson } from "../../test/host/istio-json.ts";
import type { Imports } from "../../test/host/model/imports.ts";
import type { Vm } from "../../test/host/model/vm.ts";
import { peerConfig, peerModules } from "../peers/modules.ts";
import { pluginConfig } from "../policy.ts";
import { Driver } from "./driver.ts";
import { labelOf, passOver, stepsOf } from "./frames.ts";
import { alternate, type Timing } from "./measure.ts";
import { frameCases, type Stream } from "./frame-cases.ts";

export interface PeerRow extends Timing {
  label: string;
  language: string;
  /** `median` divided by istio-nats' median. */
  ratio: number;
}

export interface Peers {
  rows: PeerRow[];
  /** Bytes of each module. */
  sizes: Record<string, number>;
  absent: { name: string; absent: string }[];
}

interface Contender {
  language: string;
  wasm: Buffer;
  driver: () => Driver;
  /** The peer's counter of allowed operations of this name. */
  counted: (driver: Driver, operation: string) => number;
}

const BAD_DESCRIPTOR = 8;

/** WASI functions that the languages' runtimes import and a filter in AssemblyScript does not. They answer as Envoy does. */
function runtimeImports(vm: Vm): Imports {
  const none = (count: number, size: number): number => {
    vm.setU32(count, 0);
    vm.setU32(size, 0);
    return 0;
  };
  const wasi = {
    args_sizes_get: none,
    environ_sizes_get: none,
    args_get: () => 0,
    environ_get: () => 0,
    sched_yield: () => 0,
    fd_close: () => BAD_DESCRIPTOR,
    fd_fdstat_get: () => BAD_DESCRIPTOR,
    fd_fdstat_set_flags: () => BAD_DESCRIPTOR,
    fd_prestat_get: () => BAD_DESCRIPTOR,
    fd_prestat_dir_name: () => BAD_DESCRIPTOR,
    poll_oneoff: () => BAD_DESCRIPTOR,
  };
  return { wasi_snapshot_preview1: wasi };
}

/** Host calls of an SDK that no filter here makes. */
function unused(module: WebAssembly.Module): Imports {
  const env: Imports[string] = {};
  for (const { module: room, name } of WebAssembly.Module.imports(module)) {
    if (room !== "env") continue;
    env[name] = () => {
      throw new Error(`${name} is called, which this host does not have`);
    };
  }
  return { env };
}

function peer(language: string, wasm: Buffer<ArrayBuffer>): Contender {
  const module = new WebAssembly.Module(wasm);
  return {
    language,
    wasm,
    driver: () =>
      new Driver(module, JSON.stringify(peerConfig), (vm) => ({ ...runtimeImports(vm), ...unused(module) })),
    counted: ({ metrics }, operation) => metrics.get(`peer.operation.${operation}.verdict.allowed.messages_total`) ?? 0,
  };
}

function ours(wasm: Buffer<ArrayBuffer>): Contender {
  const module = new WebAssembly.Module(wasm);
  return {
    language: "istio-nats",
    wasm,
    driver: () => new Driver(module, istioJson(pluginConfig("PEER"))),
    counted: ({ metrics }, operation) =>
      [...metrics]
        .filter(([name]) => name.includes(`operation=.=${operation};.;`) && name.includes("verdict=.=allowed;.;"))
        .filter(([name]) => name.endsWith("istio_nats_messages_total"))
        .reduce((sum, [, value]) => sum + value, 0),
  };
}

/** Only what a filter that refuses nothing does: publishes that are allowed, and deliveries. */
const COMPARED = /^(?:PUB, one|PUB, 1,000|PUB, mixed|HPUB|MSG, nothing)/;

/** The work of one pass. A pass beforehand shows that the peer read and allowed every frame. */
function proven(contender: Contender, before: string, stream: Stream, chunk: number): () => void {
  const driver = contender.driver();
  if (before !== "") driver.client(Buffer.from(before));
  const pass = passOver(driver, stream, stepsOf(stream, chunk));
  pass();
  driver.tick();
  const operation = stream.bytes.subarray(0, stream.bytes.indexOf(" ")).toString();
  const counted = contender.counted(driver, operation);
  if (counted !== stream.ends.length) {
    throw new Error(`${contender.language} counts ${counted} ${operation} instead of ${stream.ends.length}`);
  }
  return pass;
}

/** Builds the peers and measures them beside istio-nats. */
export async function measurePeers(filter: Buffer<ArrayBuffer>, only: string, rounds: number): Promise<Peers> {
  const peers = await peerModules();
  const contenders = [ours(filter)];
  for (const found of peers) {
    if ("wasmPath" in found) contenders.push(peer(found.name, readFileSync(found.wasmPath)));
  }
  const prepared = frameCases()
    .filter(({ name }) => COMPARED.test(name))
    .flatMap((frameCase) => frameCase.chunks.map((chunk) => ({ frameCase, chunk, label: labelOf(frameCase, chunk) })))
    .filter(({ label }) => label.includes(only))
    .flatMap(({ frameCase: { before, stream }, chunk, label }) =>
      contenders.map((contender) => ({
        label,
        language: contender.language,
        measured: { units: stream.ends.length, pass: proven(contender, before, stream, chunk) },
      })),
    );
  const timings = alternate(
    prepared.map(({ measured }) => measured),
    rounds,
  );
  const first = (i: number): number => timings[i - (i % contenders.length)]?.median ?? NaN;
  return {
    rows: prepared.map(({ label, language }, i) => {
      const { median, least, most } = timings[i] ?? { median: NaN, least: NaN, most: NaN };
      return { label, language, median, least, most, ratio: median / first(i) };
    }),
    sizes: Object.fromEntries(contenders.map(({ language, wasm }) => [language, wasm.length])),
    absent: peers.flatMap((found) => ("absent" in found ? [found] : [])),
  };
}
