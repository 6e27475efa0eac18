/** Whether `JSON.parse` accepts the bytes, with invalid UTF-8 read as U+FFFD. */
export function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"));
    return true;
  } catch {
    return false;
  }
}
