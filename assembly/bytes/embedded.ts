/**
 * A field for an unmanaged object of at most 16 bytes, which is embedded in its owner and lives as long. In a block of its own it
 * would fill some hole in the heap: of the 18 pages that a callback with one message touched, two or three held nothing but such
 * blocks, and a processor that has slept waits for each of them. The object's fields are zero at first, and no constructor runs.
 */
export type Embedded = v128;

/** The object in the field of type `Embedded` that is `offset` bytes behind the beginning of its owner (`offsetof`). */
// @ts-ignore: decorator
@inline
export function embeddedIn<T>(owner: usize, offset: usize): T {
  if (offsetof<T>() > sizeof<Embedded>()) ERROR("The object is larger than the field in which it is embedded.");
  return changetype<T>(owner + offset);
}
