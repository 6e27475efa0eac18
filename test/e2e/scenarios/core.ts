import { waitFor } from "../../stand/wait.ts";
import { CALL_TIMEOUT } from "../clients/client.ts";
import { failureOf, textsOf, type Scenario, type Stage } from "./stage.ts";

/** nats-server's default max_payload. */
const MAX_PAYLOAD = 1 << 20;
const IN_FLIGHT = 100;
const JOBS = 20;

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));
const byNumber = (a: string, b: string): number => Number(a) - Number(b);

/** Core NATS, by clients to which the policy allows all of it. */
export const coreScenarios: readonly Scenario[] = [
  {
    name: "gets the reply to its request, from a service that may only answer",
    play: async (stage: Stage): Promise<unknown> => {
      const workers = await stage.workers();
      await workers.subscribe(stage.subject("ask"), { answers: ["4.20 EUR"] });
      await workers.flush();
      const ordersApi = await stage.ordersApi();
      const first = await ordersApi.request(stage.subject("ask"), "3 lemons");
      const second = await ordersApi.request(stage.subject("ask"), "4 lemons");
      return [first.data, second.data, ...(await workers.errors())];
    },
    expected: ["4.20 EUR", "4.20 EUR"],
  },
  {
    name: "shares a queue group's messages, each to one member",
    play: async (stage: Stage): Promise<unknown> => {
      const members = await Promise.all([stage.workers(), stage.workers()]);
      const subject = stage.subject("work");
      const subscriptions = await Promise.all(members.map((member) => member.subscribe(subject, { queue: "workers" })));
      await Promise.all(members.map((member) => member.flush()));
      const ordersApi = await stage.ordersApi();
      for (const job of numbers(JOBS)) await ordersApi.publish(subject, job);
      await ordersApi.flush();
      await Promise.all(members.map((member) => member.flush()));
      const taken = await Promise.all(subscriptions.map((subscription) => subscription.takeAll()));
      return textsOf(taken.flat()).sort(byNumber);
    },
    expected: numbers(JOBS),
  },
  {
    name: "sends and receives headers, with requests too",
    play: async (stage: Stage): Promise<unknown> => {
      const ordersApi = await stage.ordersApi();
      const subscription = await ordersApi.subscribe(stage.subject("open"));
      await ordersApi.publish(stage.subject("open"), "body", { headers: { "X-Trace": "a b: c", Currency: "EUR" } });
      const [message] = await subscription.take(1);
      const workers = await stage.workers();
      await workers.subscribe(stage.subject("ask"), { answers: ["yes"] });
      await workers.flush();
      const reply = await ordersApi.request(stage.subject("ask"), "?", { headers: { "X-Trace": "7" } });
      return { message, reply: [reply.data, reply.headers] };
    },
    expected: {
      message: {
        subject: "shop.it.open",
        data: "body",
        headers: { "X-Trace": ["a b: c"], Currency: ["EUR"] },
      },
      reply: ["yes", { "X-Trace": ["7"] }],
    },
  },
  {
    name: "learns at once that nobody responds",
    play: async (stage: Stage): Promise<unknown> => {
      const ordersApi = await stage.ordersApi();
      const failure = await failureOf(() => ordersApi.request(stage.subject("ask"), "anybody?"));
      return { saysSo: /no responders/i.test(failure ?? ""), failure };
    },
    expected: { saysSo: true },
  },
  {
    name: "receives nothing more after it has unsubscribed",
    play: async (stage: Stage): Promise<unknown> => {
      const ordersApi = await stage.ordersApi();
      const subject = stage.subject("open");
      const ended = await ordersApi.subscribe(subject);
      const control = await ordersApi.subscribe(subject);
      await ordersApi.publish(subject, "1");
      const before = textsOf(await ended.take(1));
      await ended.unsubscribe();
      await ordersApi.publish(subject, "2");
      const during = textsOf(await control.take(2));
      await ordersApi.flush();
      return { before, during };
    },
    expected: { before: ["1"], during: ["1", "2"] },
  },
  {
    name: "drains without losing a message that is under way",
    play: async (stage: Stage): Promise<unknown> => {
      const consumer = await stage.ordersApi();
      const subscription = await consumer.subscribe(stage.subject("open"));
      await consumer.flush();
      const producer = await stage.ordersApi();
      for (const text of numbers(IN_FLIGHT)) await producer.publish(stage.subject("open"), text);
      await producer.flush();
      await consumer.drain();
      return textsOf(await subscription.takeAll());
    },
    expected: numbers(IN_FLIGHT),
  },
  {
    name: "carries a payload of max_payload, to the byte",
    play: async (stage: Stage): Promise<unknown> => {
      const ordersApi = await stage.ordersApi();
      const subscription = await ordersApi.subscribe(stage.subject("open"));
      const payload = "0123456789abcdef".repeat(MAX_PAYLOAD / 16);
      await ordersApi.publish(stage.subject("open"), payload);
      const [message] = await subscription.take(1);
      return { length: message?.data.length, same: message?.data === payload };
    },
    expected: { length: MAX_PAYLOAD, same: true },
  },
  {
    name: "knows max_payload from INFO and refuses a larger payload itself",
    play: async (stage: Stage): Promise<unknown> => {
      const ordersApi = await stage.ordersApi();
      const payload = "x".repeat(MAX_PAYLOAD + 1);
      const failure = await failureOf(() => ordersApi.publish(stage.subject("open"), payload));
      const subscription = await ordersApi.subscribe(stage.subject("open"));
      await ordersApi.publish(stage.subject("open"), "after");
      return { failed: failure !== undefined, failure, after: textsOf(await subscription.take(1)) };
    },
    expected: { failed: true, after: ["after"] },
  },
  {
    name: "reconnects after nats-server crashed, and its subscriptions are there again",
    play: async (stage: Stage): Promise<unknown> => {
      const [ordersApi, workers] = await Promise.all([stage.ordersApi(), stage.workers()]);
      await workers.subscribe(stage.subject("ask"), { answers: ["still here"] });
      await workers.flush();
      await stage.restartServer();
      for (const connection of [ordersApi, workers]) {
        await waitFor("the client connects again", async () => (await connection.reconnects()) > 0, {
          timeout: CALL_TIMEOUT,
        });
        await connection.flush();
      }
      return (await ordersApi.request(stage.subject("ask"), "who?")).data;
    },
    expected: "still here",
  },
];
