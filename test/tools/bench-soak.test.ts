import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Account, ANYONE } from "../../bench/soak/account.ts";
import { growthsOf, HELD, type Growth, type Held } from "../../bench/soak/growth.ts";

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

  it("sums up what anyone has sent, whichever of many principals it was", () => {
    const account = new Account();
    account.add(ANYONE, "PUB", "orders", "allowed", 3);
    const samples = [2, 1].map((value) => ({
      name: NAME,
      labels: { ...PUB, source_principal: `spiffe://${value}` },
      value,
    }));
    assert.deepEqual(account.differences(samples), []);
    assert.equal(account.differences(samples.slice(1)).length, 1);
  });

  it("tells a refusal of which no client knows, but not one of which nobody knows how often it happens", () => {
    const account = new Account();
    const labels = { ...PUB, verdict: "refused" };
    const samples = [{ name: NAME, labels, value: 5 }];
    assert.deepEqual(account.differences(samples), [
      `${NAME}${JSON.stringify(labels)} is 5, and no client knows of it`,
    ]);
    account.addSome("spiffe://b", "PUB", "orders", "refused");
    assert.equal(account.differences(samples).length, 1);
    account.addSome("spiffe://a", "PUB", "orders", "refused");
    assert.deepEqual(account.differences(samples), []);
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
  const nothing = Object.fromEntries(HELD.map((what) => [what, 1])) as unknown as Held;
  const held = (resident: number): Held => ({ ...nothing, resident });
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

  it("may be more by half only in wake-ups, of which an idle second has few", () => {
    const waking = (last: number): string[] | undefined =>
      namesOf(growthsOf([[1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => ({ ...nothing, wakeUps: i > 6 ? last : 30 }))]).within);
    assert.deepEqual(waking(45), []);
    assert.deepEqual(waking(46), ["wakeUps"]);
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

  it("is bounded, except for what Envoy keeps of each configuration with any filter, and for what it keeps for later", () => {
    const bounded = HELD.filter((what) => {
      const rounds = Array.from({ length: 9 }, (_, round) => ({ ...nothing, [what]: 2 ** round }));
      return namesOf(growthsOf([rounds]).within)?.join() === what;
    });
    assert.deepEqual(
      HELD.filter((what) => !bounded.includes(what)),
      ["allocated", "spare"],
    );
  });
});
