import { isSplitBy, LibraryBlanks } from "../../assembly/nats/library-blanks";
import { lengthOf, pointerTo } from "./bytes-support";

/** Does a library split the subject, which a blank and further bytes follow, in a MSG or, `withHeaders`, in an HMSG? */
function splits(blanks: LibraryBlanks, subject: string, withHeaders: bool = false): bool {
  return isSplitBy(blanks, withHeaders, pointerTo(subject + " \f".repeat(8)), lengthOf(subject));
}

describe("the blanks of clients' libraries", () => {
  it("are VT and FF among ASCII's, wherever they stand", () => {
    for (let before = 0; before < 34; before++) {
      let blanks = "";
      for (let code = 1; code < 0x80; code++) {
        const subject = `${"a".repeat(before)}${String.fromCharCode(code)}b`;
        if (splits(LibraryBlanks.VERTICAL, subject)) blanks += code.toString(16) + " ";
        if (splits(LibraryBlanks.UNICODE, subject)) blanks += code.toString(16) + " ";
        if (splits(LibraryBlanks.LATIN, subject)) blanks += code.toString(16) + " ";
      }
      expect(blanks).toBe("b b b c c c ", `behind ${before}`);
    }
    for (let length = 0; length < 34; length++) expect(splits(LibraryBlanks.VERTICAL, "a".repeat(length))).toBe(false);
  });

  it("are, to what reads bytes as Latin-1, each byte 0xa0, also in the middle of a character", () => {
    let split = "";
    for (let code = 0x80; code < 0x800; code++) {
      const text = `a${String.fromCharCode(code)}b`;
      const last = load<u8>(pointerTo(text), 2);
      if (splits(LibraryBlanks.LATIN, text) != (last == 0xa0)) split += code.toString(16) + " ";
    }
    expect(split).toBe("");
  });

  it("are, to Tcl, also whatever makes a word of a list another one", () => {
    for (let before = 0; before < 34; before++) {
      let found = "";
      for (let code = 1; code < 0x100; code++) {
        const subject = `${"a".repeat(before)}${String.fromCharCode(code)}b`;
        if (splits(LibraryBlanks.TCL, subject)) found += code.toString(16) + " ";
      }
      expect(found).toBe(before == 0 ? "b c 22 5c 7b " : "b c 5c ", `behind ${before}`);
    }
    expect(splits(LibraryBlanks.TCL, "")).toBe(false);
    expect(splits(LibraryBlanks.TCL, "a\\")).toBe(true);
  });

  it("are, to Rust in an HMSG, White_Space of Unicode beyond it", () => {
    let blanks = "";
    let elsewhere = 0;
    for (let code = 0x80; code < 0xd800; code++) {
      const subject = `a${String.fromCharCode(code)}`;
      if (splits(LibraryBlanks.UNICODE, subject, true)) blanks += code.toString(16) + " ";
      if (splits(LibraryBlanks.UNICODE, subject) || splits(LibraryBlanks.VERTICAL, subject, true)) elsewhere++;
    }
    expect(elsewhere).toBe(0);
    expect(blanks).toBe("85 a0 1680 2000 2001 2002 2003 2004 2005 2006 2007 2008 2009 200a 2028 2029 202f 205f 3000 ");
  });
});
