import { Slices } from "../../assembly/connection/slices";

const MS: u64 = 1_000_000;
/** The time when a work begins. */
const START: u64 = 1_000_000 * MS;

describe("a slice", () => {
  it("is used up by 10 ms of work, however many callbacks they are parted into", () => {
    const slices = new Slices();
    slices.goOn(START);
    expect(slices.note(START + 6 * MS)).toBe(false);
    slices.goOn(START + 8 * MS);
    expect(slices.note(START + 11 * MS)).toBe(false);
    expect(slices.rests(START + 11 * MS)).toBe(false);
    slices.goOn(START + 12 * MS);
    expect(slices.note(START + 13 * MS)).toBe(true);
    expect(slices.rests(START + 13 * MS)).toBe(true);
  });

  it("counts all looks at the clock within a callback once", () => {
    const slices = new Slices();
    slices.goOn(START);
    for (let at: u64 = 1; at < 10; at++) expect(slices.note(START + at * MS)).toBe(false);
    expect(slices.note(START + 10 * MS)).toBe(true);
  });

  it("is a new one once nothing has been done for 5 ms, and until then the work rests", () => {
    const slices = new Slices();
    slices.goOn(START);
    slices.note(START + 10 * MS);
    expect(slices.rests(START + 15 * MS - 1)).toBe(true);
    expect(slices.rests(START + 15 * MS)).toBe(false);
    slices.goOn(START + 15 * MS);
    expect(slices.note(START + 24 * MS)).toBe(false);
  });

  it("lets the first work begin at once, whatever the time", () => {
    for (let now: u64 = 0; now < 4 * MS; now += MS) expect(new Slices().rests(now)).toBe(false);
  });

  it("ends, and rests no longer, where the clock is set back by more than it had taken", () => {
    const slices = new Slices();
    slices.goOn(START);
    slices.note(START + 4 * MS);
    expect(slices.note(START - 3600 * MS)).toBe(true);
    expect(slices.rests(START - 3601 * MS)).toBe(false);
    slices.goOn(START - 3601 * MS);
    expect(slices.note(START - 3600 * MS)).toBe(false);
  });

  it("takes as much longer as the clock is set back, if that is less than it had taken", () => {
    const slices = new Slices();
    slices.goOn(START);
    slices.note(START + 4 * MS);
    expect(slices.note(START + 3 * MS)).toBe(false);
    expect(slices.note(START + 10 * MS - 1)).toBe(false);
    expect(slices.note(START + 10 * MS)).toBe(true);
  });
});
