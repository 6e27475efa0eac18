import { RuleNamesWriter } from "../../assembly/policy/rule-names";
import { lengthOf, pointerTo } from "./bytes-support";

/** Returns what `write` writes. */
function add(names: RuleNamesWriter, name: string): i32 {
  const other = names.write(pointerTo(name), lengthOf(name));
  names.endRule();
  return other;
}

describe("the names of rules", () => {
  it("are found by the rules' places, whatever their script", () => {
    const writer = new RuleNamesWriter();
    expect(add(writer, "orders")).toBe(-1);
    expect(add(writer, "Aufträge 😀")).toBe(-1);
    writer.endRule();
    expect(add(writer, "x")).toBe(-1);
    const names = writer.finish();
    expect(names.of(0)).toBe("orders");
    expect(names.of(1)).toBe("Aufträge 😀");
    expect(names.of(2)).toBe("");
    expect(names.of(3)).toBe("x");
  });

  it("are distinguished from those that other rules have, and from their beginnings", () => {
    const writer = new RuleNamesWriter();
    for (let i = 0; i < 500; i++) assert(add(writer, `rule-${i}`) == -1, i.toString());
    for (let i = 0; i < 500; i++) assert(add(writer, `rule-${i}`) == i, i.toString());
    for (let i = 0; i < 500; i++) assert(add(writer, `rule-${i}`) == i, "for the third time " + i.toString());
    expect(add(writer, "rule-")).toBe(-1);
    writer.finish();
  });

  it("of one configuration are not those of the next", () => {
    const first = new RuleNamesWriter();
    add(first, "a");
    const firstNames = first.finish();
    const second = new RuleNamesWriter();
    expect(add(second, "b")).toBe(-1);
    expect(add(second, "a")).toBe(-1);
    const secondNames = second.finish();
    expect(firstNames.of(0)).toBe("a");
    expect(secondNames.of(0) + secondNames.of(1)).toBe("ba");
  });

  it("have a label each, once it is set", () => {
    const writer = new RuleNamesWriter();
    add(writer, "a");
    add(writer, "b");
    const names = writer.finish();
    expect(names.labelOf(0)).toBe(-1);
    names.setLabel(1, 7);
    expect(names.labelOf(0)).toBe(-1);
    expect(names.labelOf(1)).toBe(7);
  });
});
