import {
  JsonScanner,
  JsonToken,
  decodeString,
  integerOf,
  isInteger,
  numberOf,
  textOf,
} from "../../assembly/bytes/json";

const scanner = new JsonScanner();

function decodedBytes(bytes: ArrayBuffer): string {
  const start = changetype<usize>(bytes);
  scanner.reset(start, start + <usize>bytes.byteLength);
  if (scanner.next() != JsonToken.STRING) return "no string";
  const room = 3 * <i32>(scanner.tokenEnd - scanner.tokenStart);
  const out = new ArrayBuffer(room + 4);
  const length = decodeString(scanner.tokenStart, scanner.tokenEnd, changetype<usize>(out));
  expect(length).toBeLessThanOrEqual(room);
  return String.UTF8.decodeUnsafe(changetype<usize>(out), <usize>length);
}

function decoded(inner: string): string {
  return decodedBytes(String.UTF8.encode('"' + inner + '"'));
}

function quotedBytes(inner: StaticArray<u8>): ArrayBuffer {
  const bytes = new ArrayBuffer(inner.length + 2);
  const start = changetype<usize>(bytes);
  store<u8>(start, 0x22);
  for (let i = 0; i < inner.length; i++) store<u8>(start + <usize>i, inner[i], 1);
  store<u8>(start + <usize>inner.length, 0x22, 1);
  return bytes;
}

function integer(text: string): bool {
  const bytes = String.UTF8.encode(text);
  const start = changetype<usize>(bytes);
  return isInteger(start, start + <usize>bytes.byteLength);
}

function integerValue(text: string): i64 {
  const bytes = String.UTF8.encode(text);
  const start = changetype<usize>(bytes);
  return integerOf(start, start + <usize>bytes.byteLength);
}

function numberValue(text: string): f64 {
  const bytes = String.UTF8.encode(text);
  const start = changetype<usize>(bytes);
  return numberOf(start, start + <usize>bytes.byteLength);
}

describe("decoding a JSON string", () => {
  it("leaves text without escapes unchanged", () => {
    expect(decoded("")).toBe("");
    expect(decoded("orders.é.€.😀")).toBe("orders.é.€.😀");
  });

  it("knows all escapes of RFC 8259", () => {
    expect(decoded('\\"\\\\\\/\\b\\f\\n\\r\\t')).toBe('"\\/\b\f\n\r\t');
    expect(decoded("\\u0041\\u00e9\\u20AC\\u0000")).toBe("Aé€\u0000");
  });

  it("unites surrogate pairs, in either case of the hex digits", () => {
    expect(decoded("\\ud83d\\ude00x\\uD83D\\uDE00")).toBe("😀x😀");
    const first = decoded("\\ud800\\udc00");
    expect(first.length).toBe(2);
    expect(first.codePointAt(0)).toBe(0x10000);
    const last = decoded("\\udbff\\udfff");
    expect(last.length).toBe(2);
    expect(last.codePointAt(0)).toBe(0x10ffff);
  });

  it("writes U+FFFD for a lone surrogate and continues after it, as Go does", () => {
    expect(decoded("a\\ud83d")).toBe("a\ufffd");
    expect(decoded("\\ude00b")).toBe("\ufffdb");
    expect(decoded("\\ud83d\\u0041")).toBe("\ufffdA");
    expect(decoded("\\udc00\\udc00")).toBe("\ufffd\ufffd");
    expect(decoded("\\ud83d\\uffff")).toBe("\ufffd\uffff");
    expect(decoded("\\ud83d\\n")).toBe("\ufffd\n");
    expect(decoded("\\ud83d\\ud83d\\ude00")).toBe("\ufffd😀");
  });

  it("writes U+FFFD for each byte that is not UTF-8, as Go does", () => {
    expect(decodedBytes(quotedBytes([0x61, 0xff, 0x62]))).toBe("a\ufffdb");
    expect(decodedBytes(quotedBytes([0xc0, 0x80]))).toBe("\ufffd\ufffd");
    expect(decodedBytes(quotedBytes([0xed, 0xa0, 0x80]))).toBe("\ufffd\ufffd\ufffd");
    expect(decodedBytes(quotedBytes([0xe2, 0x82]))).toBe("\ufffd\ufffd");
  });
});

describe("the text of a JSON string", () => {
  it("has U+FFFD for each byte that is not UTF-8, whether it has escapes or not", () => {
    const plain: StaticArray<u8> = [0x61, 0xff, 0xc0, 0x80];
    expect(textOf(changetype<usize>(plain), changetype<usize>(plain) + 4, false)).toBe("a\ufffd\ufffd\ufffd");
    expect(textOf(changetype<usize>(plain), changetype<usize>(plain) + 4, true)).toBe("a\ufffd\ufffd\ufffd");
  });

  it("has room for three bytes in place of each", () => {
    const invalid = new StaticArray<u8>(1000).fill(0xff);
    const start = changetype<usize>(invalid);
    // Bytes written beyond the room would end the heap's order, and with it what is taken and given back next.
    for (let i = 0; i < 10; i++) expect(textOf(start, start + 1000, false)).toBe("\ufffd".repeat(1000));
  });
});

describe("the room for the text of a JSON string", () => {
  it("is given back once that is a text", () => {
    const escapes = String.UTF8.encode("\\n".repeat(1000));
    const start = changetype<usize>(escapes);
    const room = 3 * <usize>escapes.byteLength + 4;
    const before = heap.alloc(room);
    heap.free(before);
    const text = textOf(start, start + <usize>escapes.byteLength, true);
    const behind = heap.alloc(room);
    heap.free(behind);
    expect(text.length).toBe(1000);
    expect(behind).toBe(before);
  });
});

describe("decoding what the scanner would refuse", () => {
  it("reads nothing after the end that it was given", () => {
    const text = String.UTF8.encode("a\\n\\u0041");
    const start = changetype<usize>(text);
    const room = new StaticArray<u8>(32);
    const out = changetype<usize>(room);
    expect(decodeString(start, start + 2, out)).toBe(2);
    expect(load<u8>(out, 1)).toBe(0x5c);
    expect(decodeString(start + 3, start + 8, out)).toBe(4);
    expect(load<u32>(out)).toBe(0x34303075);
  });
});

describe("a JSON number", () => {
  it("is an integer when Go would store it in an int64", () => {
    const integers: StaticArray<string> = ["0", "-0", "7", "-7", "9223372036854775807", "-9223372036854775808"];
    for (let i = 0; i < integers.length; i++) expect(integer(integers[i])).toBe(true, integers[i]);
    const others: StaticArray<string> = [
      "1.0",
      "1e2",
      "1E0",
      "0.5",
      "9223372036854775808",
      "-9223372036854775809",
      "99999999999999999999",
      "-",
      "",
    ];
    for (let i = 0; i < others.length; i++) expect(integer(others[i])).toBe(false, others[i]);
  });

  it("has the value of its digits", () => {
    expect(integerValue("0")).toBe(0);
    expect(integerValue("-1048576")).toBe(-1048576);
    expect(integerValue("9223372036854775807")).toBe(i64.MAX_VALUE);
    expect(integerValue("-9223372036854775808")).toBe(i64.MIN_VALUE);
  });

  it("is read as the nearest double within 15 digits", () => {
    expect(numberValue("4096")).toBe(4096);
    expect(numberValue("-0.5")).toBe(-0.5);
    expect(numberValue("4.096e+03")).toBe(4096);
    expect(numberValue("0.1")).toBe(0.1);
    expect(numberValue("123456789.012345")).toBe(123456789.012345);
    expect(numberValue("1E-5")).toBe(1e-5);
    expect(numberValue("1.34217728e+08")).toBe(134217728);
  });

  it("counts with its first digits where it has more than a double holds, before and behind the point", () => {
    const close = (text: string, value: f64): bool => abs(numberValue(text) / value - 1) < 1e-14;
    expect(close("99999999999999999999", 1e20)).toBe(true);
    expect(close("12345678901234567890123", 1.2345678901234567e22)).toBe(true);
    expect(close("0.12345678901234567890123", 0.12345678901234568)).toBe(true);
    expect(close("1.2345678901234567890123", 1.2345678901234568)).toBe(true);
  });

  it("becomes Infinity or 0 beyond a double, however long it is", () => {
    expect(numberValue("1e400")).toBe(Infinity);
    expect(numberValue("-1e400")).toBe(-Infinity);
    expect(numberValue("1e-400")).toBe(0);
    expect(numberValue("0e999999999999")).toBe(0);
    expect(numberValue("1e-999999999999")).toBe(0);
    expect(numberValue("1" + "0".repeat(400))).toBe(Infinity);
    expect(numberValue("0." + "0".repeat(400) + "1")).toBe(0);
  });
});
