/** Bytes that stay in place while a test looks at them. Each character of `text` below U+0100 is one byte. */
@final
export class Bytes {
  readonly pointer: usize;

  constructor(
    text: string,
    readonly length: i32 = text.length,
  ) {
    this.pointer = heap.alloc(<usize>max(text.length, 1) + 16);
    for (let i = 0; i < text.length; i++) store<u8>(this.pointer + <usize>i, <u8>text.charCodeAt(i));
  }

  get end(): usize {
    return this.pointer + <usize>this.length;
  }
}

export function latin1At(pointer: usize, length: i32): string {
  let text = "";
  for (let i = 0; i < length; i++) text += String.fromCharCode(load<u8>(pointer + <usize>i));
  return text;
}
