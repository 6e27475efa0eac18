import { INVALID_DURATION, parseDuration } from "../../assembly/policy/durations";

function expectDurations(texts: StaticArray<string>, nanoseconds: StaticArray<i64>): void {
  for (let i = 0; i < texts.length; i++) expect(parseDuration(texts[i])).toBe(nanoseconds[i], texts[i]);
}

// The values are those of Go's time.ParseDuration, with which the reader was compared.
describe("a duration", () => {
  it("has any of Go's units", () => {
    expectDurations(
      ["1ns", "1us", "1µs", "1μs", "1ms", "1s", "1m", "1h"],
      [1, 1_000, 1_000, 1_000, 1_000_000, 1_000_000_000, 60_000_000_000, 3_600_000_000_000],
    );
  });

  it("may be a sum of several numbers and units", () => {
    expectDurations(
      ["1h30m", "2m0.5s", "1h1m1s1ms1us1ns", "39h9m14.425s"],
      [5_400_000_000_000, 120_500_000_000, 3_661_001_001_001, 140_954_425_000_000],
    );
  });

  it("may have a fraction of which either side is left out", () => {
    expectDurations(
      ["1.5s", ".5s", "5.s", "0.3s", "0.100000000000000000000h", "0.3333333333333333333h", "0.9007199254740993s"],
      [1_500_000_000, 500_000_000, 5_000_000_000, 300_000_000, 360_000_000_000, 1_200_000_000_000, 900_719_925],
    );
  });

  it("may have a sign, and 0 needs no unit", () => {
    expectDurations(["0", "-0", "+0", "-5s", "+5s", "0s"], [0, 0, 0, -5_000_000_000, 5_000_000_000, 0]);
  });

  it("reaches 292 years and no further", () => {
    expect(parseDuration("9223372036854775807ns")).toBe(i64.MAX_VALUE);
    expect(parseDuration("9223372036854775.807us")).toBe(i64.MAX_VALUE);
    expect(parseDuration("-9223372036854775807ns")).toBe(-i64.MAX_VALUE);
    expect(parseDuration("9223372036854775808ns")).toBe(INVALID_DURATION);
    // This one Go reads.
    expect(parseDuration("-9223372036854775808ns")).toBe(INVALID_DURATION);
    expect(parseDuration("9223372036854775.808us")).toBe(INVALID_DURATION);
    expect(parseDuration("9223372036s9223372036s")).toBe(INVALID_DURATION);
    expect(parseDuration("9223372036.9s")).toBe(INVALID_DURATION);
    expect(parseDuration("-9223372036.9s")).toBe(INVALID_DURATION);
    expect(parseDuration("3000000h")).toBe(INVALID_DURATION);
    expect(parseDuration("99999999999999999999s")).toBe(INVALID_DURATION);
    expect(parseDuration("99999999999999999999ns")).toBe(INVALID_DURATION);
    // What is left out of the number is not read over by a digit that would fit again.
    expect(parseDuration("92233720368547758090ns")).toBe(INVALID_DURATION);
  });

  it("is nothing else", () => {
    const refused: StaticArray<string> = [
      "",
      "3",
      "-",
      "+",
      "s",
      ".",
      "-.",
      ".s",
      "+.s",
      "5",
      "5 s",
      " 5s",
      "5s ",
      "--5s",
      "5d",
      "5S",
      "5sec",
      "1h-30m",
      "1e3s",
      "0x5s",
      "5s3",
      "\u0665s",
    ];
    for (let i = 0; i < refused.length; i++) expect(parseDuration(refused[i])).toBe(INVALID_DURATION, refused[i]);
  });
});
