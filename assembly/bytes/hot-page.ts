/** Bytes that are kept for all that is named here, but for the tallies. */
export const KEPT: usize = 512;
/** Bytes of the tallies behind these. Most plugins have few classes, and so use only the first hundred bytes. */
export const TALLIES_BYTES: usize = 4096;
/** Bytes of a page of the machine's memory. */
const PAGE: i32 = 4096;

/**
 * Static memory that nearly every callback touches, side by side on one page. A message that comes alone finds the caches cold,
 * and waits for each line and each page that it touches. Left to the compiler, these bytes lie between the texts of other files,
 * on six pages. They are zeros at first. What a file fills when it is loaded, others import from that file, so that it is filled.
 * That all have room is what the unit specs say.
 */
const page: usize = memory.data(<i32>(KEPT + TALLIES_BYTES), PAGE);

/** What the host writes its usual answers to: the time, u64, and where the bytes are that it hands over and how many, u32 each. */
export const TIME_ANSWER: usize = page;
export const POINTER_ANSWER: usize = page + 8;
export const SIZE_ANSWER: usize = page + 12;
/** What the short ways keep of the size that they read last (nats/plain-size.ts `SIZE_READ`). */
export const PUBLISH_SIZE: usize = page + 16;
export const DELIVERY_SIZE: usize = page + 28;
/** The same of messages with headers, publishes and deliveries alike: of headers and payload together, and of the headers. */
export const TOTAL_SIZE: usize = page + 40;
export const HEADERS_SIZE: usize = page + 52;

/** The subjects that the short ways read last, of publishes and of deliveries, 64 bytes each (connection/last-subject.ts). */
export const LAST_PUBLISH: usize = page + 64;
export const LAST_DELIVERY: usize = page + 128;
/** The chunks of the two directions, at most 64 bytes each (proxy/chunk.ts). */
export const CHUNK_TO_SERVER: usize = page + 192;
export const CHUNK_TO_CLIENT: usize = page + 256;
/** Vectors that are loaded: 64 bytes of masks (bytes/padded.ts), 32 of keys (bytes/hash.ts), 32 of bounds (nats/plain-line.ts). */
export const MASKS: usize = page + 320;
export const KEYS: usize = page + 384;
export const BOUNDS: usize = page + 416;
/** Publishes or deliveries with headers that are counted together, 16 bytes (connection/run.ts). */
export const HEADERS_RUN: usize = page + 448;
/** Which connection a callback is for, 16 bytes (bytes/number-table.ts). */
export const CONNECTIONS: usize = page + 464;
/** What a pass has counted of each class, by the class's number (connection/run.ts). Most of it is on the same page. */
export const TALLIES: usize = page + KEPT;
