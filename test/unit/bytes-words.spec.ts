import { usedBytes } from "../../assembly/bytes/budget";
import { Words } from "../../assembly/bytes/words";
import { expectGivenBack } from "./bytes-support";

describe("an array of words", () => {
  it("has no memory at first and can then be destroyed", () => {
    const words = new Words();
    expect(words.pointer).toBe(0);
    words.reserve(0);
    expect(words.pointer).toBe(0);
    words.destroy();
  });

  it("keeps every word when it grows, including negative ones", () => {
    const words = new Words();
    for (let i = 0; i < 1000; i++) {
      words.reserve(i + 1);
      words.set(i, -i * 3);
    }
    for (let i = 0; i < 1000; i++) assert(words.get(i) == -i * 3, i.toString());
    words.destroy();
  });

  it("moves only when it must: at 16, and then when its memory has doubled", () => {
    const words = new Words();
    words.reserve(1);
    let place = words.pointer;
    let moves = 0;
    for (let i = 0; i < 1024; i++) {
      words.reserve(i + 1);
      words.set(i, i);
      if (words.pointer != place) {
        moves++;
        place = words.pointer;
        expect(i == 16 || i == 32 || i == 64 || i == 128 || i == 256 || i == 512).toBe(true);
      }
    }
    expect(moves).toBeLessThanOrEqual(6);
    words.destroy();
  });

  it("begins at a multiple of 32 bytes, wherever it moves, for rows that lie in one line of the cache", () => {
    const words = new Words();
    const others: Words[] = [];
    for (let i = 1; i <= 300; i++) {
      words.reserve(i);
      words.set(i - 1, i);
      assert((words.pointer & 31) == 0, `${i} words`);
      const other = new Words();
      other.reserve(i % 7);
      others.push(other);
    }
    words.trim(290);
    expect(words.pointer & 31).toBe(0);
    for (let i = 1; i <= 290; i++) assert(words.get(i - 1) == i, i.toString());
    for (let i = 0; i < others.length; i++) others[i].destroy();
    words.destroy();
  });

  it("makes room for many words at once", () => {
    const words = new Words();
    words.reserve(5000);
    words.set(0, 1);
    words.set(4999, 2);
    expect(words.get(0)).toBe(1);
    expect(words.get(4999)).toBe(2);
    words.destroy();
  });

  it("keeps the words below a count when it is trimmed, and grows again", () => {
    const words = new Words();
    words.trim(0);
    expect(words.pointer).toBe(0);
    words.reserve(100);
    for (let i = 0; i < 20; i++) words.set(i, i);
    const large = words.pointer;
    words.trim(20);
    const trimmed = words.pointer;
    expect(trimmed).not.toBe(large);
    words.trim(20);
    expect(words.pointer).toBe(trimmed);
    words.reserve(21);
    words.set(20, 20);
    for (let i = 0; i <= 20; i++) expect(words.get(i)).toBe(i);
    words.destroy();
  });

  it("leaves nothing where it has grown or been trimmed, and nothing of itself when it is destroyed", () => {
    expectGivenBack(() => {
      const words = new Words();
      let places = changetype<usize>(words);
      for (let count = 10; count <= 1000; count *= 10) {
        words.reserve(count);
        places += words.pointer;
      }
      words.trim(20);
      places += words.pointer;
      words.destroy();
      return places;
    });
  });

  it("is not charged to the budget of connections", () => {
    const words = new Words();
    words.reserve(100);
    expect(usedBytes()).toBe(0);
    words.destroy();
  });
});
