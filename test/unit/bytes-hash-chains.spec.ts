import { HashChains, NO_LINK } from "../../assembly/bytes/hash-chains";

/** All numbers under a hash, in their order. */
function numbersOf(chains: HashChains, hash: u32): string {
  const numbers: i32[] = [];
  for (let link = chains.first(hash); link != NO_LINK; link = chains.behind(link)) numbers.push(chains.number(link));
  numbers.sort((a, b) => a - b);
  return numbers.join();
}

describe("chains by hash", () => {
  it("are empty at first", () => {
    expect(numbersOf(new HashChains(), 0)).toBe("");
    expect(numbersOf(new HashChains(), u32.MAX_VALUE)).toBe("");
  });

  it("return all numbers of a hash and no other's, even of those that share a chain", () => {
    const chains = new HashChains();
    // Their lower bits are the same at every size.
    chains.add(0x1000_0005, 1);
    chains.add(0x2000_0005, 2);
    chains.add(0x1000_0005, 3);
    chains.add(5, 4);
    expect(numbersOf(chains, 0x1000_0005)).toBe("1,3");
    expect(numbersOf(chains, 0x2000_0005)).toBe("2");
    expect(numbersOf(chains, 5)).toBe("4");
    expect(numbersOf(chains, 0x3000_0005)).toBe("");
    expect(numbersOf(chains, 6)).toBe("");
  });

  it("lose nothing while they grow", () => {
    const chains = new HashChains();
    for (let i = 0; i < 3000; i++) chains.add(<u32>(i % 1000) * 0x9e3779b1, i);
    for (let i = 0; i < 1000; i++) {
      assert(numbersOf(chains, <u32>i * 0x9e3779b1) == `${i},${i + 1000},${i + 2000}`, i.toString());
    }
  });
});
