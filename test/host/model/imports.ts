import { randomFillSync } from "node:crypto";
import type { NetworkBuffer } from "./buffer.ts";
import { BufferType, LOG_LEVELS, StreamType, WasmResult } from "./results.ts";
import type { PropertyValue, Vm } from "./vm.ts";

type Import = (...args: never[]) => number | undefined;
/** By module and name. */
export type Imports = Record<string, Record<string, Import>>;

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const WASI_ENOSYS = 52;

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** Envoy's `serializeValue`. */
function serialized(value: PropertyValue): Uint8Array {
  if (typeof value === "string") return encoder.encode(value);
  if (value instanceof Uint8Array) return value;
  if (typeof value === "boolean") return Uint8Array.of(value ? 1 : 0);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(value), true);
  return bytes;
}

/** `null` if this context has no such buffer now. It then reads as an empty one and refuses every edit. */
function networkBuffer(vm: Vm, type: number): NetworkBuffer | null | undefined {
  const connection = vm.connection();
  if (type === BufferType.NetworkDownstreamData) return connection?.visibleDownstream ?? null;
  if (type === BufferType.NetworkUpstreamData) return connection?.visibleUpstream ?? null;
  return undefined;
}

function readableBytes(vm: Vm, type: number): Uint8Array | undefined {
  if (type === BufferType.PluginConfiguration) return vm.configuration ?? undefined;
  if (type === BufferType.VmConfiguration) return new Uint8Array(0);
  const buffer = networkBuffer(vm, type);
  return buffer === undefined ? undefined : (buffer?.bytes ?? new Uint8Array(0));
}

function property(vm: Vm, path: string): PropertyValue | undefined {
  const connection = vm.connection();
  if (path === "plugin_name" && vm.root()?.plugin !== undefined) return vm.root()!.plugin;
  return connection?.properties.get(path) ?? connection?.filterState.get(path) ?? vm.properties.get(path);
}

/** proxy-wasm-cpp-host src/exports.cc with Envoy's source/extensions/common/wasm/context.cc behind it. */
function environment(vm: Vm): Record<string, Import> {
  return {
    proxy_log(level: number, pointer: number, size: number) {
      const name = LOG_LEVELS[level];
      const message = vm.read(pointer, size);
      if (name === undefined) return WasmResult.BadArgument;
      if (message === undefined) return WasmResult.InvalidMemoryAccess;
      if (level >= vm.minimumLevel)
        vm.logs.push({ level: name, message: decoder.decode(message), context: vm.context() });
      return WasmResult.Ok;
    },
    proxy_get_log_level(out: number) {
      vm.setU32(out, vm.minimumLevel);
      return WasmResult.Ok;
    },
    proxy_get_buffer_bytes(type: number, start: number, length: number, pointerOut: number, sizeOut: number) {
      const bytes = readableBytes(vm, type);
      if (bytes === undefined) return WasmResult.NotFound;
      // Beyond the end is no error: 1.40 answers Ok with pointer and size 0, as for an empty buffer.
      const from = start >>> 0;
      const asked = bytes.subarray(from, from + (length >>> 0));
      const part = asked.subarray(0, Math.max(asked.length - vm.withheldBytes, 0));
      vm.bufferBytesRead += part.length;
      return vm.give(part, pointerOut, sizeOut) ? WasmResult.Ok : WasmResult.InvalidMemoryAccess;
    },
    proxy_get_buffer_status(type: number, lengthOut: number, flagsOut: number) {
      const bytes = readableBytes(vm, type);
      if (bytes === undefined) return WasmResult.NotFound;
      vm.setU32(lengthOut, bytes.length);
      vm.setU32(flagsOut, 0);
      return WasmResult.Ok;
    },
    proxy_set_buffer_bytes(type: number, start: number, length: number, pointer: number, size: number) {
      const buffer = networkBuffer(vm, type);
      if (buffer === undefined) return WasmResult.NotFound;
      const data = vm.read(pointer, size);
      if (data === undefined) return WasmResult.InvalidMemoryAccess;
      return buffer === null ? WasmResult.BadArgument : buffer.edit(start >>> 0, length >>> 0, data);
    },
    proxy_get_property(pathPointer: number, pathSize: number, pointerOut: number, sizeOut: number) {
      const path = vm.read(pathPointer, pathSize);
      if (path === undefined) return WasmResult.InvalidMemoryAccess;
      const value = property(vm, latin1(path).replaceAll("\0", "."));
      if (value === undefined) return WasmResult.NotFound;
      return vm.give(serialized(value), pointerOut, sizeOut) ? WasmResult.Ok : WasmResult.InvalidMemoryAccess;
    },
    proxy_set_property(pathPointer: number, pathSize: number, pointer: number, size: number) {
      const path = vm.read(pathPointer, pathSize);
      const value = vm.read(pointer, size);
      if (path === undefined || value === undefined) return WasmResult.InvalidMemoryAccess;
      const connection = vm.connection();
      if (connection === undefined) return WasmResult.NotFound;
      connection.filterState.set(latin1(path).replaceAll("\0", "."), value);
      return WasmResult.Ok;
    },
    proxy_define_metric(kind: number, namePointer: number, nameSize: number, idOut: number) {
      const name = vm.read(namePointer, nameSize);
      if (name === undefined) return WasmResult.InvalidMemoryAccess;
      const id = vm.metrics.define(kind, decoder.decode(name));
      if (id === undefined) return WasmResult.BadArgument;
      vm.setU32(idOut, id);
      return WasmResult.Ok;
    },
    proxy_increment_metric: (id: number, offset: bigint) => vm.metrics.increment(id, offset),
    proxy_record_metric: (id: number, value: bigint) => vm.metrics.record(id, BigInt.asUintN(64, value)),
    proxy_get_metric(id: number, valueOut: number) {
      const value = vm.metrics.get(id);
      if (value === undefined) return WasmResult.NotFound;
      vm.setU64(valueOut, BigInt(value));
      return WasmResult.Ok;
    },
    proxy_get_current_time_nanoseconds(out: number) {
      vm.now += vm.clockStep;
      vm.setU64(out, vm.now);
      return WasmResult.Ok;
    },
    proxy_set_tick_period_milliseconds(period: number) {
      // A connection's context asks for its root's ticks.
      const root = vm.roots.get(vm.connection()?.root ?? vm.context());
      if (root !== undefined) root.tickPeriod = period;
      return WasmResult.Ok;
    },
    proxy_continue_stream(type: number) {
      if (type === StreamType.Upstream) return WasmResult.Unimplemented;
      const connection = vm.connection();
      if (type === StreamType.Downstream && connection) vm.defer(() => connection.continueReading());
      return type >>> 0 > StreamType.Upstream ? WasmResult.BadArgument : WasmResult.Ok;
    },
    proxy_close_stream(type: number) {
      const connection = vm.connection();
      // Request and Response answer Ok and do nothing on a TCP connection.
      const closes = type === StreamType.Downstream || type === StreamType.Upstream;
      if (closes && connection) vm.defer(() => connection.closeByFilter());
      return type >>> 0 > StreamType.Upstream ? WasmResult.BadArgument : WasmResult.Ok;
    },
    proxy_set_effective_context(id: number) {
      if (!vm.connections.has(id) && !vm.roots.has(id)) return WasmResult.BadArgument;
      vm.effective = id;
      return WasmResult.Ok;
    },
    proxy_get_shared_data(keyPointer: number, keySize: number, pointerOut: number, sizeOut: number, casOut: number) {
      const key = vm.read(keyPointer, keySize);
      if (key === undefined) return WasmResult.InvalidMemoryAccess;
      const entry = vm.shared.get(latin1(key));
      if (entry === undefined) return WasmResult.NotFound;
      if (!vm.give(entry.value, pointerOut, sizeOut)) return WasmResult.InvalidMemoryAccess;
      vm.setU32(casOut, entry.cas);
      return WasmResult.Ok;
    },
    proxy_set_shared_data(keyPointer: number, keySize: number, pointer: number, size: number, cas: number) {
      const key = vm.read(keyPointer, keySize);
      const value = vm.read(pointer, size);
      if (key === undefined || value === undefined) return WasmResult.InvalidMemoryAccess;
      return vm.shared.set(latin1(key), value, cas >>> 0);
    },
  };
}

/** The WASI functions of proxy-wasm-cpp-host that a filter in AssemblyScript may use. */
function wasi(vm: Vm): Record<string, Import> {
  return {
    proc_exit: () => undefined,
    fd_write: () => WASI_ENOSYS,
    clock_time_get(_id: number, _precision: bigint, out: number) {
      vm.setU64(out, vm.now);
      return 0;
    },
    random_get(pointer: number, size: number) {
      randomFillSync(vm.bytes(), pointer >>> 0, size >>> 0);
      return 0;
    },
  };
}

function counted(vm: Vm, name: string, call: Import): Import {
  vm.counts[name] = 0;
  return (...args) => {
    vm.counts[name]!++;
    const refuses = vm.refused.has(name) || vm.refusedCalls.get(name) === vm.counts[name];
    return refuses ? WasmResult.InternalFailure : call(...args);
  };
}

/**
 * The imports that the module asks for. Throws for one that is neither modelled here nor among `others`, so that no stub is silent.
 */
export function importsFor(module: WebAssembly.Module, vm: Vm, others: Imports = {}): WebAssembly.Imports {
  const known: Record<string, Record<string, Import>> = {
    env: environment(vm),
    wasi_snapshot_preview1: wasi(vm),
    wasi_unstable: wasi(vm),
  };
  const imports: Record<string, Record<string, Import>> = {};
  for (const { module: room, name, kind } of WebAssembly.Module.imports(module)) {
    const call = known[room]?.[name] ?? others[room]?.[name];
    if (kind !== "function" || call === undefined) {
      throw new Error(
        `the module imports ${kind} ${room}.${name}, which this host does not have (test/host/model/imports.ts)`,
      );
    }
    (imports[room] ??= {})[name] = counted(vm, name, call);
  }
  return imports;
}
