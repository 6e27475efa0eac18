import type { Connection } from "../clients/client.ts";
import { refusalsOf, textsOf, type Refusals, type Scenario, type Stage } from "./stage.ts";

interface Refused extends Refusals {
  /** Shows that the same connection still works, by its own echo. */
  afterwards: string[];
  reconnects: number;
}

/** Reads the refusal, then shows that the same connection still works and got no other error. */
async function accountOf(stage: Stage, connection: Connection): Promise<Refused> {
  const { errors, texts } = await refusalsOf(connection, 1);
  const subscription = await connection.subscribe(stage.subject("open"));
  await connection.publish(stage.subject("open"), "still works");
  const afterwards = textsOf(await subscription.take(1));
  await connection.flush();
  const later = await connection.errors();
  return { errors: [...errors, ...later], texts, afterwards, reconnects: await connection.reconnects() };
}

/** nats-server's words. nats-py reports them in lower case. */
function told(...texts: string[]): { texts: string[] } {
  return { texts: texts.map((text) => text.toLowerCase()) };
}

const worksOn = { afterwards: ["still works"], reconnects: 0 };

/** What the policy refuses and nats-server with the same permissions refuses in the same words. */
export const refusalScenarios: readonly Scenario[] = [
  {
    name: "is told that it may not publish where nothing allows it",
    play: async (stage: Stage): Promise<unknown> => {
      const ordersApi = await stage.ordersApi();
      await ordersApi.publish(`billing.${stage.id}`, "1,000,000 EUR");
      await ordersApi.flush();
      return accountOf(stage, ordersApi);
    },
    expected: { ...told('Permissions Violation for Publish to "billing.it"'), ...worksOn },
  },
  {
    name: "is told that it may not publish over a deny entry, with or without headers",
    play: async (stage: Stage): Promise<unknown> => {
      const ordersApi = await stage.ordersApi();
      await ordersApi.publish(stage.subject("secret.key"), "0xC0FFEE", { headers: { "X-Trace": "7" } });
      await ordersApi.flush();
      return accountOf(stage, ordersApi);
    },
    expected: { ...told('Permissions Violation for Publish to "shop.it.secret.key"'), ...worksOn },
  },
  {
    name: "is told that it may not delete a stream",
    play: async (stage: Stage): Promise<unknown> => {
      const ordersApi = await stage.ordersApi();
      await ordersApi.createStream(stage.id, [stage.subject("orders.*")]);
      await ordersApi.publish(`$JS.API.STREAM.DELETE.${stage.id}`, "", { reply: stage.subject("replies") });
      await ordersApi.flush();
      const account = await accountOf(stage, ordersApi);
      return { ...account, sequence: await ordersApi.publishToStream(stage.subject("orders.new"), "lemons") };
    },
    expected: { ...told('Permissions Violation for Publish to "$JS.API.STREAM.DELETE.it"'), ...worksOn, sequence: 1 },
  },
  {
    name: "is told that it may not subscribe where nothing allows it",
    play: async (stage: Stage): Promise<unknown> => {
      const ordersApi = await stage.ordersApi();
      await ordersApi.subscribe(`billing.${stage.id}.>`);
      await ordersApi.flush();
      return accountOf(stage, ordersApi);
    },
    expected: { ...told('Permissions Violation for Subscription to "billing.it.>"'), ...worksOn },
  },
  {
    name: "is told that it may not subscribe over a deny entry",
    play: async (stage: Stage): Promise<unknown> => {
      const ordersApi = await stage.ordersApi();
      await ordersApi.subscribe(stage.subject("secret.key"));
      await ordersApi.flush();
      return accountOf(stage, ordersApi);
    },
    expected: { ...told('Permissions Violation for Subscription to "shop.it.secret.key"'), ...worksOn },
  },
  {
    name: "is told that it may not join a queue group of another name, nor listen outside of its own",
    play: async (stage: Stage): Promise<unknown> => {
      const workers = await stage.workers();
      await workers.subscribe(stage.subject("work"), { queue: "spies" });
      await workers.flush();
      const first = await refusalsOf(workers, 1);
      await workers.subscribe(stage.subject("work"));
      await workers.flush();
      const second = await refusalsOf(workers, 1);
      // And the connection still works, in the group that is allowed.
      const subscription = await workers.subscribe(stage.subject("work"), { queue: "workers" });
      await workers.flush();
      const ordersApi = await stage.ordersApi();
      await ordersApi.publish(stage.subject("work"), "a job");
      const afterwards = textsOf(await subscription.take(1));
      const errors = [...first.errors, ...second.errors, ...(await workers.errors())];
      return { errors, texts: [...first.texts, ...second.texts], afterwards, reconnects: await workers.reconnects() };
    },
    expected: {
      ...told(
        'Permissions Violation for Subscription to "shop.it.work" using queue "spies"',
        'Permissions Violation for Subscription to "shop.it.work"',
      ),
      afterwards: ["a job"],
      reconnects: 0,
    },
  },
  {
    name: "may answer a request once and is told so at the second answer",
    play: async (stage: Stage): Promise<unknown> => {
      const workers = await stage.workers();
      const asked = await workers.subscribe(stage.subject("ask"), { answers: ["one", "two"] });
      await workers.flush();
      const ordersApi = await stage.ordersApi();
      const replies = await ordersApi.subscribe(stage.subject("replies"));
      await ordersApi.publish(stage.subject("ask"), "?", { reply: stage.subject("replies") });
      await ordersApi.flush();
      await asked.take(1);
      const { errors, texts } = await refusalsOf(workers, 1);
      await ordersApi.publish(stage.subject("ask"), "the end?");
      const afterwards = textsOf(await asked.take(1));
      await ordersApi.flush();
      return { errors, texts, replies: textsOf(await replies.takeAll()), afterwards };
    },
    expected: {
      ...told('Permissions Violation for Publish to "shop.it.replies"'),
      replies: ["one"],
      afterwards: ["the end?"],
    },
  },
  {
    name: "receives through a wildcard everything except what a deny entry covers",
    play: async (stage: Stage): Promise<unknown> => {
      const ordersApi = await stage.ordersApi();
      const subscription = await ordersApi.subscribe(stage.subject(">"));
      await ordersApi.flush();
      const operator = await stage.operator();
      await operator.publish(stage.subject("open"), "1");
      await operator.publish(stage.subject("secret.key"), "2");
      await operator.publish(stage.subject("open.too"), "3");
      const heard = textsOf(await subscription.take(2));
      await ordersApi.flush();
      return { heard, more: textsOf(await subscription.takeAll()), errors: await ordersApi.errors() };
    },
    expected: { heard: ["1", "3"], more: [], errors: [] },
  },
];

/** What the policy refuses and no nats-server would. The only oracle for each client's text is docs/reference/parity.md. */
export const stricterScenarios: readonly Scenario[] = [
  {
    name: "is told that it may not have others answer where it may not listen",
    play: async (stage: Stage): Promise<unknown> => {
      const ordersApi = await stage.ordersApi();
      await ordersApi.publish(stage.subject("open"), "answer there", { reply: `billing.${stage.id}` });
      await ordersApi.flush();
      return accountOf(stage, ordersApi);
    },
    expected: { ...told('Permissions Violation for Publish with Reply of "billing.it"'), ...worksOn },
  },
];
