import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { RawClient } from "../stand/raw-client.ts";
import { Stand } from "../stand/stand.ts";
import { waitFor } from "../stand/wait.ts";
import { linesOf } from "./frames.ts";
import { ORDERS_API } from "./policy.ts";
import { errorsOf, messagesOf, publish, refusedPublish, refusedReply } from "./ways-round.ts";

/** What SHOP imports of VAULT comes under another subject, except for `store.raw.>`. Every client that names no user is of SHOP. */
const CONFIG = `accounts {
  VAULT { users: [{ user: keeper, password: keeper }], exports: [
    { stream: "store.>" }
    { service: "ask.keeper", latency: { sampling: headers, subject: "latency.keeper" } }
    { service: "ask.porter", latency: "latency.porter" }
  ] }
  SHOP { users: [{ user: shop, password: shop }], imports: [
    { stream: { account: VAULT, subject: "store.news.*" }, to: "news.*" }
    { stream: { account: VAULT, subject: "store.code" }, to: "code" }
    { stream: { account: VAULT, subject: "store.raw.>" } }
    { service: { account: VAULT, subject: "ask.keeper" } }
    { service: { account: VAULT, subject: "ask.porter" } }
  ] }
}
no_auth_user: shop
`;
/** What the filter remembers of subscriptions that have ended (docs/adr/0006). */
const REMEMBERED = 256;

/** A policy under which orders-api may read this. It may publish its mark, and no other policy's. */
function policyOf(mark: string, subscribe: object, mode = "ENFORCE", publishes: string[] = []): object {
  const from = [{ principals: ["cluster.local/ns/shop/sa/orders-api"] }];
  const rules = [{ name: "orders-api", from, publish: { allow: [`mark.${mark}`, ...publishes] }, subscribe }];
  return { mode, trustDomains: ["cluster.local"], rules };
}

const WITH_DENY = policyOf("deny", {
  allow: ["news.*", "code", "store.raw.>"],
  deny: ["news.secret", "store.raw.secret"],
});
const ALL = policyOf("all", { allow: ["news.*", "store.raw.>"] });
const TRIAL = policyOf("all", { allow: ["news.*", "store.raw.>"] }, "DRY_RUN");
const ASKS = policyOf("asks", { allow: ["_INBOX.a.>"] }, "ENFORCE", ["ask.*", "_INBOX.a.>", "$SYS.REQ.USER.INFO"]);
const RAW_ONLY = policyOf("raw", { allow: ["store.raw.>"] });

interface Subsz {
  subscriptions_list?: { subject: string; sid: string }[];
}

/**
 * nats-server delivers what an account imports through copies of the client's subscription, which lie in the other account, have
 * no maximum, and come under the import's own subject (client.go `addShadowSubscriptions`).
 */
describe("what an account imports from another one", () => {
  let stand: Stand;
  let keeper: RawClient;

  before(async () => {
    stand = await Stand.start({
      listeners: {
        denied: { filter: { config: WITH_DENY } },
        changing: { filter: { config: ALL } },
        reused: { filter: { config: ALL } },
        trial: { filter: { config: TRIAL } },
        told: { filter: { config: ALL } },
        asking: { filter: { config: ASKS } },
      },
      nats: { config: CONFIG, jetStream: false },
    });
    keeper = await RawClient.connect(stand.nats.port);
    await keeper.handshake({ user: "keeper", pass: "keeper" });
  });

  after(async () => {
    keeper.close();
    await stand.stop();
  });

  async function connect(listener: string): Promise<RawClient> {
    const client = await RawClient.connect(stand.port(listener), { tls: await stand.identity(ORDERS_API) });
    await client.handshake();
    return client;
  }

  /** The keeper publishes to each of these. All has been delivered then. */
  async function keep(...subjects: string[]): Promise<void> {
    await keeper.send(subjects.map((subject) => publish(subject, "x")).join(""));
    await keeper.flush();
  }

  async function change(listener: string, client: RawClient, config: object, mark: string): Promise<void> {
    assert.equal(await stand.update({ config }, listener), "ACCEPTED");
    const isUnder = async (): Promise<boolean> => (await errorsOf(client, publish(`mark.${mark}`))).length === 0;
    await waitFor("the policy on the connection", isUnder);
  }

  /** The copies of clients' subscriptions. */
  async function copies(): Promise<string[]> {
    const { subscriptions_list = [] } = await stand.nats.monitor<Subsz>("/subsz?subs=1&acc=VAULT");
    return subscriptions_list.map(({ subject }) => subject).filter((subject) => subject.startsWith("store."));
  }

  it("comes as far as the policy allows the subject under which it comes, whatever it was published to", async () => {
    const client = await connect("denied");
    await client.send("SUB news.* 1\r\nSUB store.raw.> 2\r\nSUB code 3\r\n");
    assert.deepEqual(await errorsOf(client, "SUB store.news.* 4\r\n"), [
      `-ERR 'Permissions Violation for Subscription to "store.news.*"'`,
    ]);
    await keep("store.news.open", "store.news.secret", "store.raw.a.b", "store.raw.secret", "store.code");
    assert.deepEqual(await messagesOf(client), ["MSG news.open 1 1 x", "MSG store.raw.a.b 2 1 x", "MSG code 3 1 x"]);
    client.close();
  });

  it("comes no more once a policy does not allow its subject, and nats-server keeps no copy of the subscription", async () => {
    const client = await connect("changing");
    await client.send("SUB news.* 1\r\nSUB store.raw.> 2\r\n");
    await client.flush();
    await keep("store.news.a");
    assert.deepEqual(await messagesOf(client), ["MSG news.a 1 1 x"]);
    await change("changing", client, RAW_ONLY, "raw");
    await keep("store.news.a", "store.raw.a");
    assert.deepEqual(await messagesOf(client), ["MSG store.raw.a 2 1 x"]);
    await waitFor("no copy but that of store.raw.>", async () => (await copies()).join() === "store.raw.>");
    client.close();
  });

  it("comes beyond a maximum, until the client says something, and then the sid is free for another subscription", async () => {
    const alone = await RawClient.connect(stand.nats.port);
    await alone.handshake();
    const client = await connect("reused");
    for (const some of [alone, client]) {
      await some.send("SUB news.* 1\r\nUNSUB 1 2\r\n");
      await some.flush();
    }
    await keep("store.news.a", "store.news.b", "store.news.c");
    const three = ["MSG news.a 1 1 x", "MSG news.b 1 1 x", "MSG news.c 1 1 x"];
    // The filter can end the subscription only with the client's next operation.
    for (const some of [alone, client]) assert.deepEqual(await messagesOf(some), three);
    for (const some of [alone, client]) {
      await some.send("SUB store.raw.a 1\r\n");
      await some.flush();
    }
    await keep("store.news.d", "store.raw.a");
    assert.deepEqual(await messagesOf(alone), ["MSG news.d 1 1 x"]);
    assert.deepEqual(await messagesOf(client), ["MSG store.raw.a 1 1 x"]);
    alone.close();
    client.close();
  });

  for (const [told, listener] of [
    ["in DRY_RUN", "trial"],
    ["under ENFORCE", "told"],
  ] as const) {
    it(`does not come for a sid used again under ENFORCE, whose maximum, told ${told}, was reached in DRY_RUN`, async () => {
      const client = await connect(listener);
      await client.send("SUB news.* 1\r\nUNSUB 1 1\r\n");
      await client.flush();
      // Nobody may publish this mark while a policy is enforced.
      await change(listener, client, TRIAL, "trial");
      await keep("store.news.a");
      assert.deepEqual(await messagesOf(client), ["MSG news.a 1 1 x"]);
      const others = Array.from({ length: REMEMBERED }, (_, i) => `SUB other.${i} ${i + 2}\r\nUNSUB ${i + 2}\r\n`);
      await client.send(others.join(""));
      await client.flush();
      await change(listener, client, RAW_ONLY, "raw");
      await keep("store.news.b");
      assert.deepEqual(await messagesOf(client), []);
      await client.send("SUB store.raw.a 1\r\n");
      await keep("store.news.c");
      assert.deepEqual(linesOf(await client.untilClosed()), []);
    });
  }

  /** What the unfiltered client sends ends nats-server, which starts anew. */
  async function ends(bytes: string): Promise<void> {
    const panics = (): number => stand.nats.log().split("panic: ").length;
    const before = panics();
    const alone = await RawClient.connect(stand.nats.port);
    await alone.handshake();
    await alone.send(bytes);
    await waitFor("the end of nats-server", () => panics() > before);
    alone.close();
    await stand.nats.restart();
  }

  it("does not end nats-server by a compressed trace of a request, sent to a service whose latency headers have measured", async () => {
    const traced = (destination: string): string =>
      publish("ask.keeper", "x", `Nats-Trace-Dest: ${destination}\r\nAccept-Encoding: snappy\r\n`);
    const client = await connect("asking");
    await client.send("SUB _INBOX.a.> 1\r\n");
    assert.deepEqual(await errorsOf(client, traced("ask.keeper")), refusedPublish("ask.keeper"));
    await client.send(traced("_INBOX.a.1"));
    await client.expect("HMSG", /^HMSG _INBOX\.a\.1 1 /);
    client.close();
    await ends(traced("ask.keeper"));
  });

  it("nor by an answer of nats-server's own, on the subject of a service whose latency is measured", async () => {
    const asked = (reply: string): string => publish("$SYS.REQ.USER.INFO", "", "", reply);
    const client = await connect("asking");
    await client.send("SUB _INBOX.a.> 1\r\n");
    assert.deepEqual(await errorsOf(client, asked("ask.porter")), refusedReply("ask.porter"));
    await client.send(asked("_INBOX.a.1"));
    await client.expect("MSG", /^MSG _INBOX\.a\.1 1 /);
    client.close();
    await ends(asked("ask.porter"));
  });
});
