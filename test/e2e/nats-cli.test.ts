import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { NatsCli, type Ended } from "./clients/nats-cli.ts";
import { startWorlds, type World, type Worlds } from "./worlds.ts";

interface Stage {
  cli: NatsCli;
  world: World;
  /** The scenario's name for streams and buckets, and its token in subjects. */
  id: string;
  subject: (tail: string) => string;
}

interface Scenario {
  /** Completes the sentence "nats …". */
  name: string;
  play: (stage: Stage) => Promise<unknown>;
  /** The stage's id is read as `it`. */
  expected: unknown;
}

const MAX_PAYLOAD = 1 << 20;

/** A command's output, if it has times and sizes in it. */
function verdictOf({ status, failure }: Ended): string | number | null {
  return failure === "" ? status : failure;
}

const allowed: readonly Scenario[] = [
  {
    name: "pub reaches nats sub, headers and all",
    play: async ({ cli, world, subject }) => {
      const listening = cli.start(world.ordersApi, "sub", subject("open"), "--count=1");
      await world.subscribed(subject("open"));
      await cli.run(world.ordersApi, "pub", subject("open"), "3 lemons", "--header", "X-Trace: 7");
      const { stdout, status } = await listening.ended();
      return { status, header: stdout.includes("X-Trace: 7"), text: stdout.includes("3 lemons") };
    },
    expected: { status: 0, header: true, text: true },
  },
  {
    name: "req gets the answer of nats reply",
    play: async ({ cli, world, subject }) => {
      const replying = cli.start(world.workers, "reply", subject("ask"), "4.20 EUR");
      await world.subscribed(subject("ask"));
      const first = await cli.run(world.ordersApi, "req", subject("ask"), "3 lemons", "--raw");
      const second = await cli.run(world.ordersApi, "req", subject("ask"), "4 lemons", "--raw");
      await replying.stop();
      return [first.stdout.trim(), second.stdout.trim()];
    },
    expected: ["4.20 EUR", "4.20 EUR"],
  },
  {
    name: "sub --queue takes the group's messages",
    play: async ({ cli, world, subject }) => {
      const flags = ["--queue=workers", "--count=2", "--raw"];
      const working = cli.start(world.workers, "sub", subject("work"), ...flags);
      await world.subscribed(subject("work"));
      await cli.run(world.ordersApi, "pub", subject("work"), "job {{Count}}", "--count=2");
      return (await working.ended()).stdout.trim().split(/\n+/);
    },
    expected: ["job 1", "job 2"],
  },
  {
    name: "req learns that nobody responds",
    play: async ({ cli, world, subject }) => {
      const { stderr } = await cli.run(world.ordersApi, "req", subject("ask"), "anybody?");
      return stderr.includes("No responders are available");
    },
    expected: true,
  },
  {
    name: "pub carries a payload of max_payload",
    play: async ({ cli, world, subject }) => {
      const listening = cli.start(world.ordersApi, "sub", subject("open"), "--count=1", "--raw");
      await world.subscribed(subject("open"));
      await cli.run(world.ordersApi, "pub", subject("open"), `{{Random ${MAX_PAYLOAD} ${MAX_PAYLOAD}}}`);
      return (await listening.ended()).stdout.trim().length;
    },
    expected: MAX_PAYLOAD,
  },
  {
    name: "stores orders in a stream and reads them by a pull consumer",
    play: async ({ cli, world: { ordersApi }, id, subject }) => {
      const steps = [
        await cli.run(ordersApi, "stream", "add", id, "--subjects", subject("orders.*"), "--defaults"),
        await cli.run(ordersApi, "pub", subject("orders.new"), "lemons", "--jetstream"),
        await cli.run(ordersApi, "consumer", "add", id, "pull", "--pull", "--defaults"),
      ];
      const next = await cli.run(ordersApi, "consumer", "next", id, "pull", "--ack", "--raw");
      return [...steps.map(verdictOf), next.stdout.trim()];
    },
    expected: [0, 0, 0, "lemons"],
  },
  {
    name: "keeps, reads and forgets keys",
    play: async ({ cli, world: { ordersApi }, id }) => {
      const steps = [
        await cli.run(ordersApi, "kv", "add", id),
        await cli.run(ordersApi, "kv", "put", id, "price.lemon", "0.40"),
      ];
      const got = await cli.run(ordersApi, "kv", "get", id, "price.lemon", "--raw");
      const deleted = await cli.run(ordersApi, "kv", "del", id, "price.lemon", "--force");
      const gone = await cli.run(ordersApi, "kv", "get", id, "price.lemon", "--raw");
      return [...steps.map(verdictOf), got.stdout.trim(), verdictOf(deleted), verdictOf(gone)];
    },
    expected: [0, 0, "0.40", 0, "nats: error: nats: key not found"],
  },
];

const refused: readonly Scenario[] = [
  {
    name: "pub reports that nothing allows it",
    play: async ({ cli, world, id }) => {
      return verdictOf(await cli.run(world.ordersApi, "pub", `billing.${id}`, "1,000,000 EUR"));
    },
    expected: 'nats: error: nats: permissions violation: Permissions Violation for Publish to "billing.it"',
  },
  {
    name: "pub reports the deny entry",
    play: async ({ cli, world, subject }) => {
      return verdictOf(await cli.run(world.ordersApi, "pub", subject("secret.key"), "0xC0FFEE", "-H", "X-Trace: 7"));
    },
    expected: 'nats: error: nats: permissions violation: Permissions Violation for Publish to "shop.it.secret.key"',
  },
  {
    name: "sub reports that nothing allows it",
    play: async ({ cli, world, id }) => {
      return verdictOf(await cli.run(world.ordersApi, "sub", `billing.${id}.>`));
    },
    expected: 'nats: error: nats: permissions violation: Permissions Violation for Subscription to "billing.it.>"',
  },
  {
    name: "sub --queue reports the refusal with the group's name",
    play: async ({ cli, world, subject }) => {
      return verdictOf(await cli.run(world.workers, "sub", subject("work"), "--queue=spies"));
    },
    expected:
      "nats: error: nats: permissions violation: " +
      'Permissions Violation for Subscription to "shop.it.work" using queue "spies"',
  },
];

describe("the nats command, behind its own Envoy", () => {
  let cli: NatsCli;
  let worlds: Worlds;
  let stages = 0;

  before(async () => {
    cli = await NatsCli.find();
    worlds = await startWorlds();
  });

  after(async () => {
    await cli.stop();
    await worlds.stop();
  });

  async function seenIn(world: World, { play }: Scenario): Promise<unknown> {
    stages += 1;
    const id = `${world.name}${stages}`;
    const seen = await play({ cli, world, id, subject: (tail) => `shop.${id}.${tail}` });
    return JSON.parse(JSON.stringify(seen).replaceAll(id, "it"));
  }

  for (const scenario of allowed) {
    it(`nats ${scenario.name}, as without the filter`, async () => {
      const wanted = await seenIn(worlds.open, scenario);
      assert.deepEqual(await seenIn(worlds.filtered, scenario), wanted);
      assert.deepEqual(wanted, scenario.expected);
    });
  }

  for (const scenario of refused) {
    it(`nats ${scenario.name}, as by nats-server itself`, async () => {
      const wanted = await seenIn(worlds.native, scenario);
      assert.deepEqual(await seenIn(worlds.filtered, scenario), wanted);
      assert.deepEqual(wanted, scenario.expected);
    });
  }
});
