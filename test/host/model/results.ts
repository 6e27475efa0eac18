/** proxy-wasm-cpp-host `WasmResult`. */
export const WasmResult = {
  Ok: 0,
  NotFound: 1,
  BadArgument: 2,
  InvalidMemoryAccess: 6,
  CasMismatch: 8,
  InternalFailure: 10,
  Unimplemented: 12,
} as const;

/** proxy-wasm-cpp-host `WasmBufferType`, limited to those that a network filter can have. */
export const BufferType = {
  NetworkDownstreamData: 2,
  NetworkUpstreamData: 3,
  VmConfiguration: 6,
  PluginConfiguration: 7,
} as const;

/** proxy-wasm-cpp-host `WasmStreamType`. */
export const StreamType = { Request: 0, Response: 1, Downstream: 2, Upstream: 3 } as const;

/** proxy-wasm-cpp-host `CloseType`. */
export const CloseType = { Unknown: 0, Local: 1, Remote: 2 } as const;

export const LogLevel = { trace: 0, debug: 1, info: 2, warn: 3, error: 4, critical: 5 } as const;
export type LogLevelName = keyof typeof LogLevel;
export const LOG_LEVELS = Object.keys(LogLevel) as LogLevelName[];
