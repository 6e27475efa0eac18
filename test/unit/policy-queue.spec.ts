import { hasWildcardToken } from "../../assembly/nats/overlap";
import { queueMatches } from "../../assembly/policy/queue";
import { lengthOf, pointerTo } from "./bytes-support";

function fits(name: string, entry: string): bool {
  const at = pointerTo(entry);
  const length = lengthOf(entry);
  return queueMatches(pointerTo(name), lengthOf(name), at, length, hasWildcardToken(at, length));
}

// The expectations are those of queueMatches in nats-server v2.15.2, called through canSubscribe.
describe("a queue name", () => {
  it("fits an entry of the same bytes, even if those are wildcards or odd", () => {
    expect(fits("bar", "bar")).toBe(true);
    expect(fits("v1.*", "v1.*")).toBe(true);
    expect(fits("*q", "*q")).toBe(true);
    expect(fits("a..b", "a..b")).toBe(true);
  });

  it("fits an entry without a wildcard token only if the names are equal", () => {
    expect(fits("bar", "baz")).toBe(false);
    expect(fits("bar", "ba")).toBe(false);
    expect(fits("a", "A")).toBe(false);
    expect(fits("aq", "*q")).toBe(false);
  });

  it("fits a wildcard token by token", () => {
    expect(fits("bar.fizz", "bar.*")).toBe(true);
    expect(fits("bar.bang", "bar.>")).toBe(true);
    expect(fits("x.stg", "*.stg")).toBe(true);
    expect(fits("bar", "*.stg")).toBe(false);
    expect(fits("bar", ">")).toBe(true);
    expect(fits("bar", "*")).toBe(true);
    expect(fits("a.b", "*")).toBe(false);
    expect(fits("a", "a.>")).toBe(false);
  });

  it("that has wildcards itself fits only entries that contain them", () => {
    expect(fits("*", "*")).toBe(true);
    expect(fits(">", "*")).toBe(false);
    expect(fits(">", ">")).toBe(true);
    expect(fits("*.a", "*q.*")).toBe(false);
  });

  it("fits a token that begins with '*' once the entry has a whole wildcard token", () => {
    expect(fits("zzz.a", "*q.*")).toBe(true);
    expect(fits("a..b", ">")).toBe(true);
  });
});
