import { textsOf, type Scenario, type Stage } from "./stage.ts";

const ORDERS = ["lemons", "limes", "pomelos", "oranges", "yuzus"];

/** JetStream and its key-value store, by a client to which the policy allows all of it. */
export const jetStreamScenarios: readonly Scenario[] = [
  {
    name: "publishes into a stream and reads it by a pull consumer",
    play: async (stage: Stage): Promise<unknown> => {
      const ordersApi = await stage.ordersApi();
      await ordersApi.createStream(stage.id, [stage.subject("orders.*")]);
      const sequences: number[] = [];
      for (const order of ORDERS) {
        sequences.push(await ordersApi.publishToStream(stage.subject("orders.new"), order));
      }
      const { messages, unacknowledged } = await ordersApi.pull(stage.id, ORDERS.length);
      return { sequences, subject: messages[0]?.subject, texts: textsOf(messages), unacknowledged };
    },
    expected: { sequences: [1, 2, 3, 4, 5], subject: "shop.it.orders.new", texts: ORDERS, unacknowledged: 0 },
  },
  {
    name: "reads a stream by a push consumer",
    play: async (stage: Stage): Promise<unknown> => {
      const ordersApi = await stage.ordersApi();
      await ordersApi.createStream(stage.id, [stage.subject("orders.*")]);
      for (const order of ORDERS) await ordersApi.publishToStream(stage.subject("orders.new"), order);
      const { messages, unacknowledged } = await ordersApi.push(stage.id, stage.subject("deliver"), ORDERS.length);
      return { subject: messages[0]?.subject, texts: textsOf(messages), unacknowledged };
    },
    expected: { subject: "shop.it.orders.new", texts: ORDERS, unacknowledged: 0 },
  },
  {
    name: "puts, gets, deletes and watches keys",
    play: async (stage: Stage): Promise<unknown> => {
      const ordersApi = await stage.ordersApi();
      await ordersApi.createBucket(stage.id);
      const revisions = [
        await ordersApi.putKey(stage.id, "price.lemon", "0.40"),
        await ordersApi.putKey(stage.id, "price.lime", "0.50"),
      ];
      const watch = await ordersApi.watchKeys(stage.id);
      const initial = await watch.take(2);
      revisions.push(await ordersApi.putKey(stage.id, "price.lemon", "0.45"));
      await ordersApi.deleteKey(stage.id, "price.lime");
      const changes = await watch.take(2);
      const lemon = await ordersApi.getKey(stage.id, "price.lemon");
      const lime = await ordersApi.getKey(stage.id, "price.lime");
      return { revisions, initial, changes, lemon, lime };
    },
    expected: {
      revisions: [1, 2, 3],
      initial: [
        { key: "price.lemon", value: "0.40", operation: "PUT" },
        { key: "price.lime", value: "0.50", operation: "PUT" },
      ],
      changes: [
        { key: "price.lemon", value: "0.45", operation: "PUT" },
        { key: "price.lime", value: "", operation: "DEL" },
      ],
      lemon: "0.45",
      lime: null,
    },
  },
];
