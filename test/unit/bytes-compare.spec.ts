import { equalBytes } from "../../assembly/bytes/compare";
import { counting, LONGEST } from "./bytes-support";

describe("the comparison of bytes", () => {
  it("finds equal bytes equal at every length, and looks at nothing beyond them", () => {
    const a = counting(0xaa);
    const b = counting(0xbb);
    for (let length = 0; length <= LONGEST; length++) {
      store<u8>(b + <usize>length, 0xff);
      expect(equalBytes(a, b, length)).toBe(true);
      store<u8>(b + <usize>length, <u8>(length + 1));
    }
  });

  it("finds a difference in any byte at any length", () => {
    const a = counting(0);
    const b = counting(0);
    for (let length = 1; length <= LONGEST; length++) {
      for (let at = 0; at < length; at++) {
        const place = b + <usize>at;
        const right = load<u8>(place);
        store<u8>(place, right ^ 0x80);
        assert(!equalBytes(a, b, length), `length ${length}, byte ${at}`);
        store<u8>(place, right);
      }
    }
  });
});
