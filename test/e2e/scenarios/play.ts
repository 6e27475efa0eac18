import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Client } from "../clients/client.ts";
import { startTlsFirstWorlds, startWorlds, type TwoWorlds, type World, type Worlds } from "../worlds.ts";
import { coreScenarios } from "./core.ts";
import { jetStreamScenarios } from "./jetstream.ts";
import { refusalScenarios, stricterScenarios } from "./refusals.ts";
import { Stage, type Scenario } from "./stage.ts";

let stages = 0;

/** Plays a scenario in one world. In what it saw, the stage's id is read as `it`. */
async function seenIn(world: World, client: Client, scenario: Scenario): Promise<unknown> {
  stages += 1;
  const stage = new Stage(client, world, `${world.name}${stages}`);
  try {
    const seen = await scenario.play(stage);
    return JSON.parse(JSON.stringify(seen).replaceAll(stage.id, "it"));
  } finally {
    await stage.end();
  }
}

/** A scenario's expectation names only parts of what it saw, because the texts around nats-server's are each library's own. */
function assertExpected(seen: unknown, expected: unknown): void {
  const isPartial = typeof expected === "object" && expected !== null && !Array.isArray(expected);
  if (!isPartial) {
    assert.deepEqual(seen, expected);
    return;
  }
  const named = Object.keys(expected).map((key) => [key, (seen as Record<string, unknown>)[key]]);
  assert.deepEqual(Object.fromEntries(named), expected);
}

/**
 * Plays every scenario with one client library. With the filter it must see what it sees without it. Where the policy refuses, it
 * must see what it sees from a nats-server that refuses the same by itself.
 */
export function playAll(name: string, open: () => Promise<Client>): void {
  describe(`${name}, behind its own Envoy`, () => {
    let worlds: Worlds;
    let client: Client;

    before(async () => {
      client = await open();
      worlds = await startWorlds();
    });

    after(async () => {
      await client.stop();
      await worlds.stop();
    });

    function playAs(reference: "open" | "native", scenarios: readonly Scenario[]): void {
      for (const scenario of scenarios) {
        it(`${name} ${scenario.name}`, async () => {
          const wanted = await seenIn(worlds[reference], client, scenario);
          const seen = await seenIn(worlds.filtered, client, scenario);
          assert.deepEqual(seen, wanted);
          assertExpected(seen, scenario.expected);
        });
      }
    }

    describe("allowed: as without the filter", () => {
      playAs("open", coreScenarios);
      playAs("open", jetStreamScenarios);
    });

    describe("refused: as by nats-server itself", () => {
      playAs("native", refusalScenarios);
      for (const scenario of stricterScenarios) {
        it(`${name} ${scenario.name}`, async () => {
          assertExpected(await seenIn(worlds.filtered, client, scenario), scenario.expected);
        });
      }
    });
  });

  describe(`${name}, speaking TLS itself, straight to the server's Envoy`, () => {
    let worlds: TwoWorlds;
    let client: Client;

    before(async () => {
      client = await open();
      worlds = await startTlsFirstWorlds();
    });

    after(async () => {
      await client.stop();
      await worlds.stop();
    });

    for (const scenario of [coreScenarios[0]!, jetStreamScenarios[0]!]) {
      it(`${name}, speaking TLS itself, ${scenario.name}`, async () => {
        const wanted = await seenIn(worlds.open, client, scenario);
        const seen = await seenIn(worlds.filtered, client, scenario);
        assert.deepEqual(seen, wanted);
        assertExpected(seen, scenario.expected);
      });
    }

    it(`${name}, speaking TLS itself, ${refusalScenarios[0]!.name}`, async () => {
      assertExpected(await seenIn(worlds.filtered, client, refusalScenarios[0]!), refusalScenarios[0]!.expected);
    });
  });
}
