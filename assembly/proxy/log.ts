import { proxy_log } from "./host";

/** Istio shows Wasm logs from `warning` on, so what operators must see is never below `warn`. */
export const enum LogLevel {
  WARN = 3,
  CRITICAL = 5,
}

/** Writes a line into the proxy's log; it shows it if the level of its `wasm` logger lets it. */
export function logText(level: LogLevel, text: string): void {
  const bytes = String.UTF8.encode(text);
  proxy_log(level, changetype<usize>(bytes), <usize>bytes.byteLength);
}
