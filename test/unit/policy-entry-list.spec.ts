import {
  beginList,
  endOf,
  EntryList,
  firstEntry,
  NO_ENTRIES,
  writeEntry,
  writtenList,
} from "../../assembly/policy/entry-list";
import { lengthOf, pointerTo } from "./bytes-support";
import { entriesOf } from "./policy-support";

function write(subject: string, queue: string): void {
  writeEntry(pointerTo(subject), lengthOf(subject), pointerTo(queue), lengthOf(queue));
}

function listOf(entries: string[]): EntryList {
  beginList();
  for (let i = 0; i < entries.length; i++) {
    const parts = entries[i].split(" ");
    write(parts[0], parts.length > 1 ? parts[1] : "");
  }
  return writtenList();
}

describe("a list of entries", () => {
  it("is the shared one if it has no entries", () => {
    expect(listOf([]) === NO_ENTRIES).toBe(true);
    expect(firstEntry(NO_ENTRIES)).toBe(endOf(NO_ENTRIES));
  });

  it("returns subjects and queues in their order", () => {
    const entries = ["a", "orders.> workers", "é.😀 é", "b.*"];
    expect(entriesOf(listOf(entries)).join()).toBe(entries.join());
  });

  it("holds texts of the greatest lengths that a configuration may have", () => {
    const longest = "s".repeat(4096) + " " + "q".repeat(4096);
    expect(entriesOf(listOf([longest, "a"])).join()).toBe(longest + ",a");
  });

  it("does not change when the next one is written, even if that is a large one", () => {
    const first = listOf(["a", "b q"]);
    const many: string[] = [];
    for (let i = 0; i < 20_000; i++) many.push(`subject.${i}`);
    const second = listOf(many);
    expect(entriesOf(listOf(["c"])).join()).toBe("c");
    expect(entriesOf(first).join()).toBe("a,b q");
    expect(entriesOf(second).join()).toBe(many.join());
  });
});
