import { NumberTable } from "../../assembly/bytes/number-table";
import { expectGivenBack, zeros } from "./bytes-support";

/** Consecutive numbers, as the host gives them, some of which stay for long. */
const MOST: u32 = 5000;

const place: usize = memory.data(16, 16);

/** An empty table at `place`. It takes nothing but its slots. */
function tableAtPlace(): NumberTable {
  memory.fill(place, 0, 16);
  return NumberTable.at(place);
}

function slotsAtPlace(): usize {
  return load<usize>(place, offsetof<NumberTable>("slots"));
}

describe("numbers of the host", () => {
  it("stand for nothing until they are entered, and then for what was entered", () => {
    const table = NumberTable.at(zeros(16));
    expect(table.get(7)).toBe(0);
    table.enter(7, 100);
    table.enter(0, 200);
    expect(table.get(7)).toBe(100);
    expect(table.get(0)).toBe(200);
    expect(table.get(8)).toBe(0);
  });

  it("are found however many there are, and however they come and go", () => {
    const table = NumberTable.at(zeros(16));
    const expected = new Map<u32, usize>();
    let state: u32 = 2463534242;
    let oldest: u32 = 1;
    for (let next: u32 = 1; next <= MOST; next++) {
      table.enter(next, <usize>next * 16);
      expected.set(next, <usize>next * 16);
      // Rises to 1,250 and falls again, in turn.
      const goes = (next / 1250) % 2 == 0 ? 0 : 3;
      for (let i = 0; i < goes; i++) {
        state = (state ^ (state << 13)) * 5 + 1;
        // Mostly the oldest, and sometimes one that has already gone.
        const number = i == 0 ? 1 + (state % next) : oldest++;
        table.takeOut(number);
        expected.delete(number);
      }
      expect(table.count).toBe(expected.size);
    }
    for (let number: u32 = 0; number <= MOST + 1; number++) {
      expect(table.get(number)).toBe(expected.has(number) ? expected.get(number) : 0);
    }
  });

  it("have a table of which at least half is free, and at most three quarters from the fourth on", () => {
    const table = tableAtPlace();
    for (let number: u32 = 1; number <= 200; number++) {
      table.enter(number, 16);
      const slots = load<u32>(place, offsetof<NumberTable>("mask")) + 1;
      assert(slots >= number * 2 && slots <= max<u32>(number, 4) * 4, `${slots} slots for ${number}`);
    }
  });

  it("leave nothing where their table was before it has grown", () => {
    expectGivenBack(() => {
      const table = tableAtPlace();
      let places = slotsAtPlace();
      for (let number: u32 = 1; number <= 40; number++) table.enter(number, 16);
      places += slotsAtPlace();
      heap.free(slotsAtPlace());
      return places;
    });
  });

  it("are found and removed one by one even if all have one home slot", () => {
    const table = NumberTable.at(zeros(16));
    // The upper bits of their products are alike: the multiplier's inverse times small numbers.
    const inverse: u32 = inverseOf(0x9e3779b1);
    for (let i: u32 = 1; i <= 6; i++) table.enter(inverse * i, <usize>i);
    table.takeOut(inverse * 2);
    table.takeOut(inverse * 2);
    table.takeOut(inverse * 5);
    for (let i: u32 = 1; i <= 6; i++) expect(table.get(inverse * i)).toBe(i == 2 || i == 5 ? 0 : <usize>i);
    expect(table.count).toBe(4);
  });

  it("are found whatever is taken out before or behind them, also around the end of the slots", () => {
    const table = NumberTable.at(zeros(16));
    const inverse: u32 = inverseOf(0x9e3779b1);
    const entered: u32[] = [];
    let state: u32 = 5;
    for (let step: u32 = 1; step <= 5000; step++) {
      state = state * 1664525 + 1013904223;
      // Of the first sixteen slots, which seven numbers do not make grow, these have the homes 14, 15, 0 and 1.
      if (entered.length < 7 && ((state >> 30) & 1) == 0) {
        const home: u32 = (14 + ((state >> 26) & 3)) & 15;
        const number = inverse * ((home << 28) | step);
        table.enter(number, <usize>step);
        entered.push(number);
      } else if (entered.length > 0) {
        const at = <i32>((state >> 24) % <u32>entered.length);
        table.takeOut(entered[at]);
        expect(table.get(entered[at])).toBe(0);
        entered.splice(at, 1);
      }
      expect(table.count).toBe(entered.length);
      for (let i = 0; i < entered.length; i++) assert(table.get(entered[i]) != 0, `step ${step}`);
    }
  });
});

/** Newton's step doubles the bits that are right. */
function inverseOf(odd: u32): u32 {
  let inverse = odd;
  for (let i = 0; i < 5; i++) inverse *= 2 - odd * inverse;
  return inverse;
}
