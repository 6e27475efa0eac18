import { LogLevelValues } from "@solo-io/proxy-runtime/assembly/runtime";
import { proxy_log } from "./host";

/** Istio shows Wasm logs from `warning` on, so what operators must see is never below `warn`. */
export const enum LogLevel {
  WARN = 3,
  CRITICAL = 5,
}

export function logText(level: LogLevel, text: string): void {
  const bytes = String.UTF8.encode(text);
  proxy_log(<LogLevelValues>level, changetype<usize>(bytes), <usize>bytes.byteLength);
}
