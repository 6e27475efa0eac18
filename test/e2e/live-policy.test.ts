import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { RawClient } from "../stand/raw-client.ts";
import { Stand } from "../stand/stand.ts";
import { waitFor, type WaitOptions } from "../stand/wait.ts";
import type { WasmFilter } from "../stand/wasm-filter.ts";
import { linesOf } from "./frames.ts";
import { ORDERS_API, WORKERS } from "./policy.ts";
import { IN_FORCE, stopwatch } from "./stopwatch.ts";

/** Longer than the filter remembers anything about an ended subscription. */
const NOT_READING = 13_000;
const WORKER_COUNT = 2;
/** Enough that the kernel gives every worker some. */
const CONNECTIONS = 8;

/** A group that runs beside others would run its own tests at the same time, too. */
const ONE_BY_ONE = { concurrency: false };

interface Permissions {
  publish?: { allow?: string[]; deny?: string[] };
  subscribe?: { allow?: string[]; deny?: string[] };
  allow_responses?: boolean;
}

/** Rules about workloads that are not here. Long policies contain them: 200 KiB, which are read in slices. */
const MANY_RULES = Array.from({ length: 1500 }, (_, i) => ({
  name: `app-${i}`,
  from: [{ serviceAccounts: [`team-${i % 100}/app-${i}`] }],
  publish: { allow: [`payments.${i}.settled.>`] },
}));
const NO_MARK = "mark.none";

/** The policies of a proxy. Each has a mark: what somebody else may publish under it and under no other, except for those in DRY_RUN. */
class Policies {
  readonly #marks = new Map<object, string>();
  readonly #onlies = new Map<string, object>();

  /**
   * A policy with one rule for orders-api (none if it gets no permissions), one for somebody else, and these before them. Each has
   * another text, because a text that has just been replaced may be taken for a late worker's.
   */
  of(permissions: Permissions | undefined, { mode = "ENFORCE", beside = [] as object[] } = {}): object {
    const rule = {
      name: "orders-api",
      from: [{ principals: ["cluster.local/ns/shop/sa/orders-api"] }],
      ...permissions,
    };
    const mark = `mark.${this.#marks.size}`;
    const bystander = {
      name: "workers",
      from: [{ serviceAccounts: ["shop/workers"] }],
      publish: { allow: ["work.>", mark] },
    };
    const rules = permissions ? [...beside, rule, bystander] : [...beside, bystander];
    const policy = { mode, trustDomains: ["cluster.local"], rules };
    this.#marks.set(policy, mark);
    return policy;
  }

  /** The policy under which orders-api may publish below that token and nothing else. */
  only(token: string, beside: object[] = []): object {
    const key = `${token} ${beside.length}`;
    const known = this.#onlies.get(key);
    if (known) return known;
    const permissions = { publish: { allow: [`${token}.>`] }, subscribe: { allow: ["_INBOX.>"] } };
    const policy = this.of(permissions, { beside });
    this.#onlies.set(key, policy);
    return policy;
  }

  /** Whether somebody else's connection is under that policy. */
  async isOver(bystander: RawClient, policy: object): Promise<boolean> {
    const { mode } = policy as { mode: string };
    const enforced = !(await mayPublish(bystander, NO_MARK));
    return enforced === (mode === "ENFORCE") && (await mayPublish(bystander, this.#marks.get(policy)!));
  }
}

/** A stand whose policy changes, with its clients. */
interface Place {
  stand: Stand;
  opened: RawClient[];
}

function closeAll({ opened }: Place): void {
  for (const client of opened.splice(0)) client.close();
}

async function connect({ stand, opened }: Place, principal = ORDERS_API, listener?: string): Promise<RawClient> {
  const client = await RawClient.connect(stand.port(listener), { tls: await stand.identity(principal) });
  opened.push(client);
  await client.handshake();
  return client;
}

async function connectMany(place: Place, count = CONNECTIONS): Promise<RawClient[]> {
  return Promise.all(Array.from({ length: count }, () => connect(place)));
}

/** Twice as many messages of 1 KB as the buffers after the filter hold at most: up to 5,955 were seen to be in them. */
const WAITING = 12_000;
/** So that nats-server waits longer for a client that does not read than any of these tests. Its default is 10 s. */
const PATIENT = `write_deadline: "1m"`;

/** A client that has subscribed to `a.1` and does not read. What no buffer holds of its messages waits in nats-server, UNSUB or not. */
async function connectBehind(place: Place): Promise<RawClient> {
  const client = await connect(place);
  await client.send("SUB a.1 1\r\n");
  await client.flush();
  client.pause();
  const operator = await RawClient.connect(place.stand.nats.port);
  await operator.handshake();
  await operator.send(`PUB a.1 1000\r\n${"x".repeat(1000)}\r\n`.repeat(WAITING));
  await operator.flush();
  operator.close();
  return client;
}

/** The verbs of all up to a PONG, without nats-server's own first PING. It comes two seconds after CONNECT, whatever waits then. */
async function verbsOf(client: RawClient): Promise<string[]> {
  const verbs: string[] = [];
  while (verbs.at(-1) !== "PONG") {
    const { verb } = (await client.next()) ?? assert.fail("the connection has ended");
    if (verb !== "PING") verbs.push(verb);
  }
  return verbs;
}

async function mayPublish(client: RawClient, subject: string): Promise<boolean> {
  await client.send(`PUB ${subject} 2\r\nhi\r\n`);
  const lines = linesOf(await client.flush());
  assert.ok(lines.length <= 1, lines.join());
  if (lines.length === 0) return true;
  assert.equal(lines[0], `-ERR 'Permissions Violation for Publish to "${subject}"'`);
  return false;
}

/** How many connections each worker has accepted so far. Every listener was asked for port 0, and Envoy names it by that. */
function takenByWorkers({ envoy }: Stand): Promise<number[]> {
  const stat = (worker: number): string => `listener.127.0.0.1_0.worker_${worker}.downstream_cx_total`;
  return Promise.all(Array.from({ length: WORKER_COUNT }, (_, worker) => envoy.rawStat(stat(worker))));
}

/** Waits until new connections are under that policy on each worker. */
async function waitForEachWorker(place: Place, policies: Policies, policy: object): Promise<void> {
  const under = new Set<number>();
  await waitFor(
    "the policy on each worker",
    async () => {
      const before = await takenByWorkers(place.stand);
      const probe = await connect(place, WORKERS);
      const isIt = await policies.isOver(probe, policy);
      probe.close();
      const after = await takenByWorkers(place.stand);
      const worker = after.findIndex((count, i) => count > before[i]!);
      if (isIt && worker >= 0) under.add(worker);
      return under.size === WORKER_COUNT;
    },
    { explain: () => `it is on worker ${[...under].join()}` },
  );
}

/** So long one waits for a change of the policy, but for the time in which one thread that it goes through had no core. */
function within(timeout: number, stand: Stand): WaitOptions {
  const watch = stopwatch(stand);
  const clock = (): number => {
    const { took, waited } = watch();
    return took - waited;
  };
  return { timeout, clock };
}

/** Waits until all of them may publish below the one token and not below the others. */
async function waitForOnly(
  stand: Stand,
  clients: RawClient[],
  token: string,
  others: string[],
  timeout = IN_FORCE,
): Promise<void> {
  await waitFor(
    `only ${token}.> is allowed`,
    async () => {
      for (const client of clients) {
        if (!(await mayPublish(client, `${token}.x`))) return false;
        for (const other of others) if (await mayPublish(client, `${other}.x`)) return false;
      }
      return true;
    },
    within(timeout, stand),
  );
}

/** What nats-server itself says when a reload removes a plain and a queue subscription. */
async function nativeTexts(): Promise<string[]> {
  const users = (subscribe: string): string =>
    `authorization { users: [{user: u, password: u, permissions: {publish: {allow: ["x"]}, subscribe: {allow: [${subscribe}]}}}] }`;
  const stand = await Stand.start({ nats: { config: users('"a.>", "a.*"') } });
  try {
    const client = await RawClient.connect(stand.nats.port);
    await client.handshake({ user: "u", pass: "u" });
    await client.send('SUB a.> 1\r\nSUB a.* q.1 s"2\r\n');
    await client.flush();
    await stand.nats.reload(users('"b.>"'));
    return linesOf(await client.flush()).sort();
  } finally {
    await stand.stop();
  }
}

const CHANGES: [what: string, isInNewVm: boolean, beside: object[]][] = [
  ["in the same VM", false, []],
  ["in a new VM", true, []],
  ["in the same VM and is long", false, MANY_RULES],
  ["in a new VM and is long", true, MANY_RULES],
];

function changes(what: string, isInNewVm: boolean, beside: object[]): void {
  const policies = new Policies();
  const only = (token: string): object => policies.only(token, beside);
  const policyOf = (permissions?: Permissions, mode?: string): object => policies.of(permissions, { mode, beside });
  let versions = 0;
  /** As Istio pushes it: each time for files with another environment, for which Envoy makes new VMs. */
  const filterOf = (config: object): WasmFilter =>
    isInNewVm ? { config, environment: { VERSION: String(++versions) } } : { config };

  describe(`a policy that changes ${what}, while clients are connected`, ONE_BY_ONE, () => {
    let stand: Stand;
    let place: Place;

    before(async () => {
      stand = await Stand.start({
        nats: { config: PATIENT },
        listeners: { mtls: { filter: filterOf(only("a")) }, other: { filter: filterOf(only("a")) } },
        serverProxy: { concurrency: WORKER_COUNT },
      });
      place = { stand, opened: [] };
    });

    afterEach(() => closeAll(place));
    after(() => stand.stop());

    async function put(config: object): Promise<void> {
      assert.equal(await stand.update(filterOf(config)), "ACCEPTED");
    }

    /** Also waits until new connections are under it on each worker. */
    async function putAndWait(config: object): Promise<void> {
      await put(config);
      await waitForEachWorker(place, policies, config);
    }

    async function inForce(config: object, token: string, others: string[]): Promise<RawClient> {
      await put(config);
      const client = await connect(place);
      await waitForOnly(stand, [client], token, others);
      return client;
    }

    it("judges the next publishes of all of them, and grants rights without a new connection", async () => {
      const clients = await connectMany(place);
      await waitForOnly(stand, clients, "a", ["b"]);
      await put(only("b"));
      await waitForOnly(stand, clients, "b", ["a"]);
    });

    it("is the first one again after another, with connections of the first still open", async () => {
      const first = await inForce(only("a"), "a", ["b"]);
      const clients = [first, ...(await connectMany(place))];
      await put(only("b"));
      await waitForOnly(stand, clients, "b", ["a"]);
      clients.push(...(await connectMany(place)));
      await put(only("a"));
      await waitForOnly(stand, clients, "a", ["b"]);
      // Neither a late worker nor a root that is kept may bring the other policy back.
      await sleep(3000);
      await waitForOnly(stand, [...clients, ...(await connectMany(place))], "a", ["b"], 500);
    });

    it("leaves another plugin of the same image alone", async () => {
      const client = await inForce(only("b"), "b", ["a"]);
      const other = await connect(place, ORDERS_API, "other");
      await sleep(IN_FORCE);
      await waitForOnly(stand, [other], "a", ["b"], 500);
      await waitForOnly(stand, [client], "b", ["a"], 500);
    });

    it("withholds deliveries that it now denies", async () => {
      await putAndWait(policyOf({ subscribe: { allow: ["a.>"] } }));
      const client = await connect(place);
      await client.send("SUB a.> 1\r\n");
      await client.flush();
      await put(policyOf({ publish: { allow: ["now"] }, subscribe: { allow: ["a.>"], deny: ["a.secret"] } }));
      await waitFor("the new policy", () => mayPublish(client, "now"), within(IN_FORCE, stand));
      const operator = await RawClient.connect(stand.nats.port);
      await operator.handshake();
      await operator.send("PUB a.secret 2\r\nno\r\nPUB a.open 3\r\nyes\r\n");
      await operator.flush();
      assert.deepEqual(linesOf(await client.flush()), ["MSG a.open 1 3"]);
      operator.close();
    });

    it("ends subscriptions that it no longer allows, with nats-server's own words", async () => {
      const wanted = await nativeTexts();
      assert.equal(wanted.length, 2);
      await putAndWait(policyOf({ subscribe: { allow: ["a.>", "a.*"] } }));
      const client = await connect(place);
      await client.send('SUB a.> 1\r\nSUB a.* q.1 s"2\r\nSUB a.b q.2 3\r\n');
      await client.flush();
      await put(policyOf({ subscribe: { allow: ["a.b"] } }));
      const told: string[] = [];
      await waitFor(
        "the ends of the subscriptions",
        async () => {
          told.push(...linesOf(await client.flush()));
          return told.length >= wanted.length;
        },
        within(IN_FORCE, stand),
      );
      assert.deepEqual(told.sort(), wanted);
      // The server has been informed, and what is allowed still exists.
      await client.flush();
      const { connections } = await stand.nats.monitor<{ connections: { subscriptions_list?: string[] }[] }>(
        "/connz?subs=1",
      );
      assert.deepEqual(
        connections
          .flatMap(({ subscriptions_list: subjects = [] }) => subjects)
          .filter((name) => name.startsWith("a.")),
        ["a.b"],
      );
    });

    it("gives nothing of a revoked subscription to a client that has not read for long", async () => {
      await putAndWait(policyOf({ subscribe: { allow: ["a.>", "b.>"] } }));
      const client = await connectBehind(place);
      await putAndWait(policyOf({ subscribe: { allow: ["b.>"], deny: ["a.>"] } }));
      await client.send("PING\r\n");
      await sleep(NOT_READING);
      client.resume();
      const verbs = await verbsOf(client);
      const notice = verbs.indexOf("-ERR");
      assert.ok(notice > 0 && notice < WAITING, `the notice came after ${notice} messages`);
      assert.deepEqual(verbs.slice(notice), ["-ERR", "PONG"]);
    });

    it("gives nothing of a subscription that has been forgotten to the next one with its sid", async () => {
      await putAndWait(policyOf({ subscribe: { allow: ["a.>", "b.>"] } }));
      const client = await connectBehind(place);
      const others = Array.from({ length: 256 }, (_, i) => `SUB b.1 ${i + 2}\r\nUNSUB ${i + 2}\r\n`);
      await client.send(`UNSUB 1\r\n${others.join("")}SUB b.> 1\r\n`);
      await putAndWait(policyOf({ subscribe: { allow: ["b.>"] } }));
      await sleep(IN_FORCE);
      await client.send("PING\r\n");
      client.resume();
      const verbs = await verbsOf(client);
      const messages = verbs.length - 1;
      assert.deepEqual(new Set(verbs.slice(0, messages)), new Set(["MSG"]));
      assert.ok(messages < WAITING, `${messages} messages came`);
    });

    it("closes silent members of a queue group that have lost their right", async () => {
      await putAndWait(policyOf({ subscribe: { allow: ["a.>"] } }));
      const members = await connectMany(place);
      for (const member of members) {
        await member.send("SUB a.x group 1\r\n");
        assert.deepEqual(linesOf(await member.flush()), []);
      }
      const revoked = "istio_nats_revoked_subscriptions_total";
      const before = await stand.envoy.stat(revoked);
      await put(policyOf({ subscribe: { allow: ["b.>"] } }));
      await waitFor("all are closed", () => members.every((member) => member.isClosed), within(IN_FORCE, stand));
      await stand.envoy.waitForStat(revoked, {}, (count) => count === before + CONNECTIONS);
    });

    it("closes silent connections that have lost everything, and tells them so when they come again", async () => {
      await putAndWait(only("a"));
      const clients = await connectMany(place);
      const bystander = await connect(place, WORKERS);
      const before = await stand.envoy.stat("istio_nats_revoked_connections_total");
      await put(policyOf());
      await waitFor("all are closed", () => clients.every((client) => client.isClosed), within(IN_FORCE, stand));
      await stand.envoy.waitForStat(
        "istio_nats_revoked_connections_total",
        { reporter: "destination" },
        (count) => count === before + CONNECTIONS,
      );
      assert.ok(await mayPublish(bystander, "work.x"));
      await assert.rejects(connect(place), /Authorization Violation/);
    });

    it("enforces after DRY_RUN on the same connection, and the other way round", async () => {
      const permissions = { publish: { allow: ["a.>"] }, subscribe: { allow: ["a.>"] } };
      await putAndWait(policyOf(permissions, "DRY_RUN"));
      const client = await connect(place);
      await client.send("SUB a.> 1\r\nSUB b.> 2\r\n");
      await waitFor("DRY_RUN", () => mayPublish(client, "c.x"), within(IN_FORCE, stand));
      await put(policyOf(permissions));
      const told: string[] = [];
      await waitFor(
        "the policy is enforced",
        async () => {
          await client.send("PUB c.x 2\r\nhi\r\n");
          told.push(...linesOf(await client.flush()));
          return told.length >= 2;
        },
        within(IN_FORCE, stand),
      );
      assert.deepEqual(told.slice(0, 2).sort(), [
        `-ERR 'Permissions Violation for Publish to "c.x"'`,
        `-ERR 'Permissions Violation for Subscription to "b.>" (sid "2")'`,
      ]);
      await put(policyOf(permissions, "DRY_RUN"));
      await waitFor("DRY_RUN", () => mayPublish(client, "c.x"), within(IN_FORCE, stand));
    });

    it("stays in force when its successor is refused, and that is reported", async () => {
      const client = await inForce(only("a"), "a", ["b"]);
      const before = await stand.envoy.stat("istio_nats_policy_rejected_total");
      assert.equal(await stand.update(filterOf({ trustDomains: ["cluster.local"], rules: [] })), "REJECTED");
      await stand.envoy.waitForStat("istio_nats_policy_rejected_total", {}, (count) => count === before + 1);
      assert.ok(stand.wasmLog().some((text) => text.includes("this configuration is refused whole, 1 fault(s)")));
      await waitForOnly(stand, [client, ...(await connectMany(place))], "a", ["b"], 500);
    });
  });
}

const SUCCESSIONS: [concurrency: number, long: string[]][] = [
  [2, []],
  [4, []],
  [2, ["b", "c"]],
];

function succession(concurrency: number, long: string[]): void {
  const which = long.length === 0 ? "" : ", long ones among them";
  describe(`many policies in quick succession, with ${concurrency} workers${which}`, ONE_BY_ONE, () => {
    it("settle on the last one everywhere", async () => {
      const policies = new Policies();
      const policyFor = (token: string): object => policies.only(token, long.includes(token) ? MANY_RULES : []);
      const stand = await Stand.start({
        listeners: { mtls: { filter: { config: policyFor("a") } } },
        serverProxy: { concurrency },
      });
      const place = { stand, opened: [] };
      try {
        const clients = await connectMany(place, 2 * CONNECTIONS);
        const tokens = ["a", "b", "c"];
        for (let round = 0; round < 3; round++) {
          // The last policy of a round has been in force in it before.
          const order = ["b", "a", "c", "b", "a", "b", "c", "a", tokens[round % 3]!];
          for (const token of order) {
            assert.equal(await stand.update({ config: policyFor(token) }), "ACCEPTED");
            if (token === "c") clients.push(await connect(place));
          }
          const last = order.at(-1)!;
          await waitForOnly(
            stand,
            clients,
            last,
            tokens.filter((token) => token !== last),
            IN_FORCE,
          );
          await sleep(2500);
          await waitForOnly(
            stand,
            clients,
            last,
            tokens.filter((token) => token !== last),
            500,
          );
        }
      } finally {
        closeAll(place);
        await stand.stop();
      }
    });
  });
}

// They mostly wait, each for a proxy of its own.
describe("a policy on open connections", { concurrency: true }, () => {
  for (const [what, isInNewVm, beside] of CHANGES) changes(what, isInNewVm, beside);
  for (const [concurrency, long] of SUCCESSIONS) succession(concurrency, long);
});
