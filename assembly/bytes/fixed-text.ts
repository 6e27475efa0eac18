/**
 * A constant text as UTF-8. It lies outside the collector's heap as long as the VM lives: functions that take one keep nothing for
 * the collector, and nothing on a connection's path turns a string into bytes.
 */
@unmanaged
@final
export class FixedText {
  /** Number of its bytes. */
  readonly length: i32 = 0;

  /** The address of its bytes. */
  // @ts-ignore: decorator
  @inline
  get pointer(): usize {
    return changetype<usize>(this) + offsetof<FixedText>();
  }
}

/** To be called once for each constant: nothing gives it back. */
export function fixedText(text: string): FixedText {
  const length = String.UTF8.byteLength(text);
  const fixed = heap.alloc(offsetof<FixedText>() + <usize>length);
  store<i32>(fixed, length, offsetof<FixedText>("length"));
  String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, fixed + offsetof<FixedText>());
  return changetype<FixedText>(fixed);
}
