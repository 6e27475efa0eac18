import { readBytes } from "./manifests/read-bytes.ts";
import { MAX_SOURCE_BYTES } from "./manifests/source.ts";

const STANDARD_INPUT = 0;

/** All of standard input, or enough of it to tell that it is too large. */
export function readStandardInput(): Buffer {
  return readBytes(STANDARD_INPUT, MAX_SOURCE_BYTES);
}
