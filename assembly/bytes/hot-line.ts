/**
 * Static memory that nearly every callback touches, all of it in one line of the processor's cache. A message that comes alone
 * finds the caches cold and waits for each line and each page that it touches; before, these bytes lay in four lines on three
 * pages.
 */
const line: usize = memory.data(64, 64);

/** What the host writes its usual answers to: the time, u64, and where a chunk's bytes are and how many, u32 each (proxy/). */
export const TIME_ANSWER: usize = line;
export const POINTER_ANSWER: usize = line + 8;
export const SIZE_ANSWER: usize = line + 12;
/** What the short ways keep of the size that they read last (nats/plain-line.ts `SIZE_READ`). */
export const PUBLISH_SIZE: usize = line + 16;
export const DELIVERY_SIZE: usize = line + 28;
export const HEADER_PUBLISH_SIZE: usize = line + 40;
export const HEADERS_SIZE: usize = line + 52;
