import { decimal, digitsOf, hexadecimal, writeDigits } from "../../assembly/bytes/digits";

describe("a number as text", () => {
  it("has its decimal digits, from 0 to the largest of 64 bits", () => {
    expect(decimal(0)).toBe("0");
    expect(decimal(9)).toBe("9");
    expect(decimal(10)).toBe("10");
    expect(decimal(1_048_576)).toBe("1048576");
    expect(decimal(u64.MAX_VALUE)).toBe("18446744073709551615");
  });

  it("has as many hexadecimal digits as are asked for, those of a small number behind zeros", () => {
    expect(hexadecimal(0, 2)).toBe("00");
    expect(hexadecimal(0x1f, 2)).toBe("1f");
    expect(hexadecimal(0xabc, 2)).toBe("bc");
    expect(hexadecimal(0x0123_4567_89ab_cdef, 16)).toBe("0123456789abcdef");
    expect(hexadecimal(u64.MAX_VALUE, 16)).toBe("ffffffffffffffff");
  });

  it("is a text of its own, which the next one does not change", () => {
    const first = decimal(12);
    expect(decimal(34) + hexadecimal(0x56, 2)).toBe("3456");
    expect(first).toBe("12");
  });
  it("is written in as many bytes as it has digits, and into no others", () => {
    const room = memory.data(12);
    const values: u32[] = [0, 9, 10, 99, 100, 999_999_999, u32.MAX_VALUE];
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      const digits = digitsOf(value);
      memory.fill(room, 0x2e, 12);
      writeDigits(room + 1, value, digits);
      expect(String.UTF8.decodeUnsafe(room, <usize>digits + 2)).toBe("." + decimal(value) + ".");
    }
  });
});
