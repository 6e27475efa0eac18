// The compiler calls `abort` where a check of its own fails. Without `--use abort=…` that becomes an import
// `env.abort`, which no proxy offers, and the module would not load.

@external("env", "proxy_log")
declare function proxy_log(level: u32, message: usize, size: usize): u32;

const LEVEL_CRITICAL: u32 = 5;
const LINE_LIMIT: i32 = 256;
const line = memory.data(256);

/** Appends `text` at `at`, one byte a code unit, as far as the line reaches; returns where it ended. */
function append(at: i32, text: string | null): i32 {
  if (text === null) return at;
  for (let i = 0; i < text.length && at < LINE_LIMIT; i++, at++) {
    const unit = text.charCodeAt(i);
    store<u8>(line + at, unit < 0x80 ? <u8>unit : 0x3f);
  }
  return at;
}

/** Appends the decimal digits of `value`; returns where they ended. */
function appendNumber(at: i32, value: u32): i32 {
  let divisor: u32 = 1;
  while (value / divisor >= 10) divisor *= 10;
  for (; divisor > 0 && at < LINE_LIMIT; divisor /= 10, at++) {
    store<u8>(line + at, <u8>(0x30 + ((value / divisor) % 10)));
  }
  return at;
}

/**
 * Says in the proxy's log why the module ends, then traps, so that Envoy applies its failure policy.
 * Allocates nothing: the heap may be the very thing that failed.
 */
export function abort_to_log(
  message: string | null,
  fileName: string | null,
  lineNumber: u32,
  columnNumber: u32,
): void {
  let end = append(0, "istio-nats aborts at ");
  end = append(end, fileName);
  end = append(end, ":");
  end = appendNumber(end, lineNumber);
  end = append(end, ":");
  end = appendNumber(end, columnNumber);
  end = append(end, ": ");
  end = append(end, message);
  proxy_log(LEVEL_CRITICAL, line, end);
  unreachable();
}
