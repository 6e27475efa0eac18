import { Faults, MAX_LISTED_FAULTS, quoted } from "../../assembly/policy/faults";
import { listed, nearest } from "../../assembly/policy/json-suggest";

const WORDS: StaticArray<string> = ["publish", "subscribe", "allow_responses", "from", "name", "DRY_RUN"];

describe("the faults of a configuration", () => {
  it("are none at first", () => {
    const faults = new Faults();
    expect(faults.isEmpty).toBe(true);
    expect(faults.toString()).toBe("");
  });

  it("are one line each, in order, with the path before the message", () => {
    const faults = new Faults();
    faults.add("rules[0].name", "is missing");
    faults.add("", "is empty");
    expect(faults.isEmpty).toBe(false);
    expect(faults.toString()).toBe("rules[0].name: is missing\nconfiguration: is empty");
  });

  it("are listed up to the bound and counted beyond it", () => {
    const faults = new Faults();
    for (let i = 0; i < MAX_LISTED_FAULTS; i++) faults.add("a", "b");
    expect(faults.isFull).toBe(true);
    expect(faults.toString().endsWith("a: b")).toBe(true);
    faults.add("a", "b");
    expect(faults.listed.length).toBe(MAX_LISTED_FAULTS);
    expect(faults.toString().endsWith("\nand 1 more fault")).toBe(true);
    faults.add("a", "b");
    expect(faults.count).toBe(MAX_LISTED_FAULTS + 2);
    expect(faults.toString().endsWith("\nand 2 more faults")).toBe(true);
  });
});

describe("text quoted in a fault", () => {
  it("stays on one line and within its quotes", () => {
    expect(quoted("orders.>")).toBe('"orders.>"');
    expect(quoted('a"b\\c')).toBe('"a\\"b\\\\c"');
    expect(quoted("a\n\t\u0000\u007f\u0085b")).toBe('"a\\x0a\\x09\\x00\\x7f\\x85b"');
    expect(quoted("é€😀")).toBe('"é€😀"');
  });

  it("is cut at 80 characters", () => {
    expect(quoted("x".repeat(80))).toBe('"' + "x".repeat(80) + '"');
    expect(quoted("x".repeat(81))).toBe('"' + "x".repeat(80) + '…"');
  });

  it("is cut before a character of two units that would be parted", () => {
    expect(quoted("x".repeat(78) + "😀")).toBe('"' + "x".repeat(78) + '😀"');
    expect(quoted("x".repeat(78) + "😀y")).toBe('"' + "x".repeat(78) + '😀…"');
    expect(quoted("x".repeat(79) + "😀")).toBe('"' + "x".repeat(79) + '…"');
  });
});

describe("the suggestion for an unknown word", () => {
  it("is the same word in another case or with other separators", () => {
    expect(nearest("Publish", WORDS)).toBe("publish");
    expect(nearest("allowResponses", WORDS)).toBe("allow_responses");
    expect(nearest("allow-responses", WORDS)).toBe("allow_responses");
    expect(nearest("dry-run", WORDS)).toBe("DRY_RUN");
    expect(nearest("DryRun", WORDS)).toBe("DRY_RUN");
  });

  it("is a word within two edits, including swapped letters", () => {
    expect(nearest("publsh", WORDS)).toBe("publish");
    expect(nearest("subcribes", WORDS)).toBe("subscribe");
    expect(nearest("form", WORDS)).toBe("from");
    expect(nearest("nmae", WORDS)).toBe("name");
  });

  it("is a word that begins with it", () => {
    expect(nearest("pub", WORDS)).toBe("publish");
    expect(nearest("sub", WORDS)).toBe("subscribe");
  });

  it("is absent if nothing resembles it", () => {
    expect(nearest("x", WORDS)).toBe("");
    expect(nearest("", WORDS)).toBe("");
    expect(nearest("permissions", WORDS)).toBe("");
    expect(nearest("publish".repeat(1000), WORDS)).toBe("");
  });
});

describe("a list of words in a fault", () => {
  it("reads like a sentence", () => {
    expect(listed(["A"])).toBe("A");
    expect(listed(["A", "B"])).toBe("A or B");
    expect(listed(["A", "B", "C"])).toBe("A, B or C");
  });
});
