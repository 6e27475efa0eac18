/** What the tests of `limits.memory` fill the budget of a VM with. */

/** Bytes. */
export const MEMORY = 8 << 20;
export const LINE = `SUB ok.${"x".repeat(4000)}`;
/** So many subscriptions of about 4,000 bytes each. */
export const subs = (count: number): string => Array.from({ length: count }, (_, sid) => `${LINE} ${sid}\r\n`).join("");
