import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Account } from "../../bench/soak/account.ts";
import { BOUNDED, growthsOf, HELD, type Growth, type Held } from "../../bench/soak/growth.ts";

const PUB = { source_principal: "spiffe://a", operation: "PUB", subject: "orders", verdict: "allowed" };
const NAME = "istio_nats_messages_total";

describe("the account of a soak", () => {
  it("agrees with stats that count what clients have seen", () => {
    const account = new Account();
    account.add("spiffe://a", "PUB", "orders");
    account.add("spiffe://a", "PUB", "orders", "allowed", 2);
    assert.deepEqual(account.differences([{ name: NAME, labels: { ...PUB, reporter: "destination" }, value: 3 }]), []);
  });

  it("tells each count that is another, and each that is not there", () => {
    const account = new Account();
    account.add("spiffe://a", "PUB", "orders");
    account.add("spiffe://a", "PUB", "vault", "refused");
    const refused = { ...PUB, subject: "vault", verdict: "refused" };
    assert.deepEqual(account.differences([{ name: NAME, labels: PUB, value: 2 }]), [
      `${NAME}${JSON.stringify(PUB)} is 2, and clients have seen 1`,
      `${NAME}${JSON.stringify(refused)} is 0, and clients have seen 1`,
    ]);
  });

  it("goes on with the messages, but not with the counts, where stats begin again", () => {
    const account = new Account();
    account.add("spiffe://a", "PUB", "orders");
    account.beginAgain();
    assert.deepEqual(account.differences([]), []);
    account.add("spiffe://a", "PUB", "orders");
    assert.equal(account.total, 2);
  });
});

describe("what a soak holds", () => {
  const held = (resident: number): Held => ({ resident, own: 1, wasm: 1, allocated: 1, spare: 1, stats: 1, vms: 1 });
  const namesOf = (growths: readonly Growth[] | undefined): string[] | undefined =>
    growths?.filter(({ isPlateau }) => !isPlateau).map(({ what }) => what);
  const within = (...lives: readonly number[][]): string[] | undefined =>
    namesOf(growthsOf(lives.map((rounds) => rounds.map(held))).within);
  const between = (...lives: readonly number[][]): string[] | undefined =>
    namesOf(growthsOf(lives.map((rounds) => rounds.map(held))).between);

  it("is on its plateau where only the first third grows", () => {
    assert.deepEqual(within([10, 50, 90, 100, 100, 101, 100, 102, 101]), []);
  });

  it("grows where the last third has more than 2 % beyond the second one", () => {
    assert.deepEqual(within([100, 100, 100, 100, 101, 102, 103, 104, 105]), ["resident"]);
  });

  it("may be more once", () => {
    assert.deepEqual(within([100, 100, 100, 100, 100, 100, 100, 180, 100]), []);
  });

  it("grows in the longest life of VMs, though it goes with them", () => {
    assert.deepEqual(within([1, 2], [10, 11, 12, 13, 14, 15, 16, 17, 18], [10, 11]), ["resident"]);
  });

  it("grows from life to life where that does not go with the VMs", () => {
    assert.deepEqual(between(...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((end) => [100, 100 + 2 * end])), ["resident"]);
    assert.deepEqual(between(...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((first) => [first, 100])), []);
  });

  it("cannot be told from few rounds, or few lives", () => {
    assert.equal(within([1, 2, 3, 4, 5, 6, 7, 8]), undefined);
    assert.equal(between([1, 2, 3, 4, 5, 6, 7, 8, 9]), undefined);
  });

  it("is all looked at", () => {
    const { within: growths } = growthsOf([Array.from({ length: 9 }, () => held(1))]);
    assert.deepEqual(
      growths?.map(({ what }) => what),
      BOUNDED,
    );
    assert.deepEqual([...HELD].sort(), Object.keys(held(1)).sort());
  });
});
