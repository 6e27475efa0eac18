import { equalBytes } from "../../assembly/bytes/compare";
import { expectOtherForEachByte, expectSameOfEqual } from "./bytes-support";

describe("the comparison of bytes", () => {
  it("finds equal bytes equal at every length, and reads nothing beyond them", () => {
    expectSameOfEqual((a, b, length) => equalBytes(a, b, length));
  });

  it("finds a difference in any byte at any length", () => {
    expectOtherForEachByte(0x80, (a, b, length) => equalBytes(a, b, length));
  });
});
