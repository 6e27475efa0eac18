import assert from "node:assert/strict";
import { it } from "node:test";
import { soak, type Round } from "../../bench/soak/soak.ts";
import { freshSeed } from "../host/random.ts";

it("loses and miscounts nothing in a soak of two rounds, with a change of policy in each and new VMs between them", async (t) => {
  const seed = freshSeed();
  t.diagnostic(`seed ${seed}`);
  const rounds: Round[] = [];
  const goesOn = (): boolean => rounds.length < 2;
  const options = { seed, workers: 2, round: 4000, goesOn, interruption: t.signal, renewal: 1, pause: 50 };
  await soak(options, (round) => rounds.push(round));
  assert.equal(rounds.length, 2);
  assert.ok(rounds.every(({ revoked, p99 }) => revoked > 0 && p99 > 0));
  // What is read as 0 could grow unnoticed.
  assert.ok(rounds.every(({ held }) => Object.values(held).every((value) => value > 0)));
  assert.ok(rounds[1]!.messages > rounds[0]!.messages && rounds[1]!.connections > rounds[0]!.connections);
});
