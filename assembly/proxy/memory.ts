/**
 * Where the host puts what it hands over. Envoy answers a buffer or property by calling the module's exported
 * allocator and copying there (a read of a buffer took 630 ns in all); without this file each answer would be garbage for the
 * collector. Each purpose has its own static area, since a property read while a frame is being parsed would else
 * overwrite the frame.
 */

/**
 * Bytes kept free before the window, so that the tail of one read and the next read lie together. The longest tail is
 * the longest line of a server (`SERVER_LINE_LIMIT`, nats/server-line.ts) with its CR LF and all but the last of the
 * STATUS_BYTES behind it. A client's is shorter: at the configuration's maxima an HPUB has 8 KiB of blanks, 64 KiB of
 * arguments and of headers each.
 */
export const GAP: usize = 256 * 1024 + 64;
/**
 * Bytes of a chunk that are read at once. Envoy's buffers hold 1 MiB unless configured otherwise, and a TLS record may go
 * beyond that: such a chunk is read whole. Where it ends inside a line, all before that line is given back to the host from the
 * window, without a further read (in chunks of 900 KB, publish of 16 B: 14.7 to 13.0 ns). A larger chunk is read in windows of
 * this size. Pages that no chunk has filled yet take no memory.
 */
export const WINDOW: i32 = 1088 * 1024;
/** Rewritten bytes collected before they go to the host. */
export const OUT: i32 = 384 * 1024;
/** Properties are addresses and certificate names; a longer one is read from the heap. */
const PROPERTY: usize = 16 * 1024;
/**
 * Bytes behind each area that may be read but hold nothing. Readers look 59 bytes ahead at most (`argumentEnds`,
 * nats/plain-line.ts, of a line of which five bytes are there).
 */
const SLACK: usize = 64;

/** Where chunks are read to: GAP bytes for a tail, the window, and SLACK. */
export const windowArea: usize = heap.alloc(GAP + <usize>WINDOW + SLACK);
export const outArea: usize = heap.alloc(<usize>OUT + SLACK);
const propertyArea: usize = heap.alloc(PROPERTY);

/** Where the host's next answer goes if it has at most `room` bytes. */
let target: usize = propertyArea;
let room: usize = PROPERTY;

/** The next answer of the host goes to `pointer`, if it has at most `size` bytes. */
// @ts-ignore: decorator
@inline
export function receiveInto(pointer: usize, size: usize): void {
  target = pointer;
  room = size;
}

/** The next answer of the host goes where properties go, as all answers do for which `receiveInto` was not called. */
// @ts-ignore: decorator
@inline
export function receiveProperty(): void {
  target = propertyArea;
  room = PROPERTY;
}

/**
 * What the host calls to have `size` bytes for an answer: the area that was named for it, or a block of the heap where it does
 * not fit. Never 0, for the host would write there.
 */
export function allocateForHost(size: usize): usize {
  return size <= room ? target : heap.alloc(size);
}

/** Frees an answer if it is a block of the heap. Call it before another area is named. */
export function releaseAnswer(pointer: usize): void {
  if (pointer != 0 && pointer != target) heap.free(pointer);
}
