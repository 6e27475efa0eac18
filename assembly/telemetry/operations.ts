import { Operation } from "../nats/operation";

/** Names of operations in stats and audit records, by `Operation`. */
export const OPERATION_NAMES: StaticArray<string> = [
  "NONE",
  "CONNECT",
  "PUB",
  "HPUB",
  "SUB",
  "UNSUB",
  "PING",
  "PONG",
  "OK",
  "ERR",
  "INFO",
  "MSG",
  "HMSG",
];

/** The number of operations, NONE included. */
export const OPERATION_COUNT: i32 = Operation.HMSG + 1;

/** Whether an operation went through. */
export const enum Verdict {
  ALLOWED = 0,
  REFUSED = 1,
}

/** How stats call them (label `verdict`), by `Verdict`. */
export const VERDICT_NAMES: StaticArray<string> = ["allowed", "refused"];
