/**
 * A field with room for an unmanaged object of at most 16 bytes, which lies in its owner that way and lives as long. In a block of
 * its own it would fill some hole in the heap: of the 18 pages that a callback with one message touched, two or three held nothing
 * but such blocks, and a processor that has slept waits for each of them. The object's fields are zero at first, and no
 * constructor runs.
 */
export type Room = v128;

/** The object in the field of type `Room` that is `offset` bytes behind the beginning of its owner (`offsetof`). */
// @ts-ignore: decorator
@inline
export function inRoom<T>(owner: usize, offset: usize): T {
  if (offsetof<T>() > sizeof<Room>()) ERROR("The object is larger than its room.");
  return changetype<T>(owner + offset);
}
