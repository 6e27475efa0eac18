import { readBytes } from "./buffers";
import { PLUGIN_CONFIGURATION } from "./host";

/**
 * Free bytes before the text of a configuration. There the head is written with which it is published (policy/envelope.ts), so
 * that the text is not copied for that.
 */
export const ROOM_BEFORE: usize = 1024;

/** What `takeConfiguration` will answer. */
let configurationPointer: usize = 0;

/**
 * Fetches the plugin's configuration, of `size` bytes as the host has announced. Answers the number of bytes, 0 for an absent
 * `pluginConfig` or when the host does not give them. `takeConfiguration` answers where they are.
 */
export function receiveConfiguration(size: i32): i32 {
  configurationPointer = 0;
  if (size <= 0) return 0;
  const area = heap.alloc(ROOM_BEFORE + <usize>size) + ROOM_BEFORE;
  const length = readBytes(PLUGIN_CONFIGURATION, 0, size, area);
  if (length <= 0) {
    freeConfiguration(area);
    return 0;
  }
  configurationPointer = area;
  return length;
}

/**
 * The address of the text that `receiveConfiguration` has fetched, 0 without any. The caller owns it from now on, and gives it
 * to `freeConfiguration` in the end.
 */
export function takeConfiguration(): usize {
  const pointer = configurationPointer;
  configurationPointer = 0;
  return pointer;
}

/** Gives back what `takeConfiguration` answered. */
export function freeConfiguration(text: usize): void {
  if (text != 0) heap.free(text - ROOM_BEFORE);
}
