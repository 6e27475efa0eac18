import { WasmResult } from "./results.ts";

const KIND_MASK = 3;
const ID_STEP = 4;
const COUNTER = 0;
const GAUGE = 1;
const HISTOGRAM = 2;

/** The metric calls of Envoy's Wasm `Context`. An id encodes its kind, and two definitions of a name share one stat. */
export class Metrics {
  /** Counters and gauges by raw name. */
  readonly values = new Map<string, number>();
  /** Histograms by raw name: every recorded value. */
  readonly histograms = new Map<string, number[]>();
  private readonly names = new Map<number, string>();
  private nextId = ID_STEP;

  /** Returns the new id, or undefined for a kind that Envoy does not know. */
  define(kind: number, name: string): number | undefined {
    if (kind !== COUNTER && kind !== GAUGE && kind !== HISTOGRAM) return undefined;
    const id = this.nextId | kind;
    this.nextId += ID_STEP;
    this.names.set(id, name);
    if (kind === HISTOGRAM) this.histograms.set(name, this.histograms.get(name) ?? []);
    else this.values.set(name, this.values.get(name) ?? 0);
    return id;
  }

  increment(id: number, offset: bigint): number {
    const name = this.names.get(id);
    const kind = id & KIND_MASK;
    if (kind === HISTOGRAM || (kind === COUNTER && offset <= 0n)) return WasmResult.BadArgument;
    if (name === undefined) return WasmResult.NotFound;
    this.values.set(name, this.values.get(name)! + Number(offset));
    return WasmResult.Ok;
  }

  record(id: number, value: bigint): number {
    const name = this.names.get(id);
    if (name === undefined) return WasmResult.NotFound;
    if ((id & KIND_MASK) === HISTOGRAM) this.histograms.get(name)!.push(Number(value));
    else if ((id & KIND_MASK) === COUNTER) return this.increment(id, value);
    else this.values.set(name, Number(value));
    return WasmResult.Ok;
  }

  get(id: number): number | undefined {
    const name = this.names.get(id);
    return name === undefined ? undefined : this.values.get(name);
  }
}
