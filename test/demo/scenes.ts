import { RawClient } from "../stand/raw-client.ts";
import type { Sidecar } from "../stand/sidecar.ts";
import type { Stand } from "../stand/stand.ts";
import { auditor, grantsOf, ordersApi, partner, stranger, workers, type Member } from "./cast.ts";
import type { Outcome, Refusal, Story } from "./story.ts";
import { Workload } from "./workload.ts";

/** What the scenes play on. */
export interface Stage {
  stand: Stand;
  sidecars: ReadonlyMap<Member, Sidecar>;
  /** orders-api's second sidecar, before the listener whose policy is in DRY_RUN. */
  trial: Sidecar;
  story: Story;
}

const ACCEPTED = "no error before the next PONG";

function outcomeOf(error: string | undefined): Outcome {
  return error === undefined ? { verdict: "allowed", seen: ACCEPTED } : { verdict: "refused", seen: error };
}

const allowed = (seen: string): Outcome => ({ verdict: "allowed", seen });
const refused = (seen: string): Outcome => ({ verdict: "refused", seen });

function refusalOf({ principal }: Member, operation: string, reason: string, dryRun = false): Refusal {
  return { principal, operation, reason, dryRun };
}

function introduce({ story }: Stage, member: Member): void {
  story.heading(member.name, member.principal);
  for (const line of grantsOf(member)) story.note(line);
}

async function enter(stage: Stage, member: Member, sidecar = stage.sidecars.get(member)!): Promise<Workload> {
  const workload = await Workload.connect(sidecar.url, member.name);
  stage.story.note(`nats.js connects through its Envoy, and nats-server calls it client ${workload.clientId ?? "?"}`);
  return workload;
}

/** Publishes, and waits until the receiver has the message. */
async function delivered(from: Workload, to: Workload, name: string, subject: string, text: string): Promise<Outcome> {
  const error = await from.publish(subject, text);
  if (error !== undefined) return refused(error);
  const message = await to.receives(text);
  return allowed(`${name} received "${message.text}" on ${message.subject}`);
}

async function playWorkers(stage: Stage): Promise<Workload> {
  introduce(stage, workers);
  const workload = await enter(stage, workers);
  const { story } = stage;
  await story.attempt({
    tries: 'subscribe orders.> in the queue group "workers"',
    expected: allowed(ACCEPTED),
    does: async () => outcomeOf(await workload.subscribe("orders.>", "workers", (text) => `${text}: 4.20 EUR`)),
  });
  await story.attempt({
    tries: 'subscribe orders.> in the queue group "spies"',
    expected: refused('Permissions Violation for Subscription to "orders.>" using queue "spies"'),
    refusal: refusalOf(workers, "SUB", "not_allowed"),
    does: async () => outcomeOf(await workload.subscribe("orders.>", "spies")),
  });
  await story.attempt({
    tries: "publish orders.eu.created, which nobody asked for",
    expected: refused('Permissions Violation for Publish to "orders.eu.created"'),
    refusal: refusalOf(workers, "PUB", "not_allowed"),
    does: async () => outcomeOf(await workload.publish("orders.eu.created", "a false order")),
  });
  return workload;
}

async function playAuditor(stage: Stage): Promise<Workload> {
  introduce(stage, auditor);
  const workload = await enter(stage, auditor);
  const { story } = stage;
  await story.attempt({
    tries: "subscribe orders.>",
    expected: allowed(ACCEPTED),
    does: async () => outcomeOf(await workload.subscribe("orders.>")),
  });
  await story.attempt({
    tries: "subscribe orders.eu.card",
    expected: refused('Permissions Violation for Subscription to "orders.eu.card"'),
    refusal: refusalOf(auditor, "SUB", "denied"),
    does: async () => outcomeOf(await workload.subscribe("orders.eu.card")),
  });
  return workload;
}

async function playOrdersApi(stage: Stage, worker: Workload, watcher: Workload): Promise<void> {
  introduce(stage, ordersApi);
  const workload = await enter(stage, ordersApi);
  const { story } = stage;
  await story.attempt({
    tries: 'publish orders.eu.created "3 lemons"',
    expected: allowed('shop/workers received "3 lemons" on orders.eu.created'),
    publisher: ordersApi.principal,
    does: () => delivered(workload, worker, workers.name, "orders.eu.created", "3 lemons"),
  });
  await story.attempt({
    tries: 'request orders.eu.quote "3 lemons, please"',
    expected: allowed('the reply is "3 lemons, please: 4.20 EUR"'),
    publisher: ordersApi.principal,
    does: async () => allowed(`the reply is "${await workload.request("orders.eu.quote", "3 lemons, please")}"`),
  });
  // The workers' reply, which only allow_responses lets pass.
  story.publishers.push(workers.principal);
  await story.attempt({
    tries: "publish orders.admin.purge",
    expected: refused('Permissions Violation for Publish to "orders.admin.purge"'),
    refusal: refusalOf(ordersApi, "PUB", "denied"),
    does: async () => outcomeOf(await workload.publish("orders.admin.purge", "all of them")),
  });
  await story.attempt({
    tries: "publish orders.eu.created, reply to orders.admin.purge",
    expected: refused('Permissions Violation for Publish with Reply of "orders.admin.purge"'),
    refusal: refusalOf(ordersApi, "PUB", "reply_not_own"),
    does: async () => outcomeOf(await workload.publish("orders.eu.created", "answer there", "orders.admin.purge")),
  });
  await story.attempt({
    tries: "subscribe orders.>",
    expected: refused('Permissions Violation for Subscription to "orders.>"'),
    refusal: refusalOf(ordersApi, "SUB", "not_allowed"),
    does: async () => outcomeOf(await workload.subscribe("orders.>")),
  });
  await story.attempt({
    tries: 'publish orders.eu.card "4111 1111", on the same connection',
    expected: allowed('shop/workers received "4111 1111" on orders.eu.card'),
    publisher: ordersApi.principal,
    does: () => delivered(workload, worker, workers.name, "orders.eu.card", "4111 1111"),
  });
  story.check("the connection is the one that was opened", workload.isIntact, true);
  await workload.close();

  story.heading(auditor.name, "what reached its subscription to orders.>");
  await watcher.flush();
  await story.attempt({
    tries: 'the message "3 lemons"',
    expected: allowed("received on orders.eu.created"),
    does: async () => allowed(`received on ${(await watcher.receives("3 lemons")).subject}`),
  });
  await story.attempt({
    tries: 'the message "4111 1111", which a deny entry covers',
    expected: refused("not received"),
    refusal: refusalOf(auditor, "MSG", "denied"),
    does: () =>
      Promise.resolve(
        watcher.hasReceived("4111 1111") ? allowed("received on orders.eu.card") : refused("not received"),
      ),
  });
}

/** Connects as somebody who must be refused. */
async function tryToEnter(stage: Stage, member: Member, reason: string): Promise<void> {
  introduce(stage, member);
  await stage.story.attempt({
    tries: "connect",
    expected: refused("Authorization Violation"),
    refusal: refusalOf(member, "CONNECT", reason),
    does: async () => {
      try {
        const workload = await Workload.connect(stage.sidecars.get(member)!.url, member.name);
        await workload.close();
        return allowed("connected");
      } catch (error) {
        return refused(error instanceof Error ? error.message : String(error));
      }
    },
  });
}

async function playPlaintext({ stand, story }: Stage): Promise<void> {
  story.heading("a client outside the mesh", "no TLS, to a port whose mTLS is PERMISSIVE");
  await story.attempt({
    tries: "CONNECT {}",
    expected: refused("-ERR 'Authorization Violation', then the end of the connection"),
    refusal: { principal: "unknown", operation: "CONNECT", reason: "unauthenticated", dryRun: false },
    does: async () => {
      const client = await RawClient.connect(stand.port("permissive"));
      await client.send("CONNECT {}\r\nPING\r\n");
      const lines = (await client.untilClosed()).map(({ line }) => line).filter((line) => !line.startsWith("INFO "));
      return refused([...lines, "then the end of the connection"].join(", "));
    },
  });
}

async function playDryRun(stage: Stage, worker: Workload): Promise<void> {
  const { story } = stage;
  story.heading("shop/orders-api, on a port with the same policy in DRY_RUN", "decides and reports, refuses nothing");
  const workload = await enter(stage, ordersApi, stage.trial);
  await story.attempt({
    tries: 'publish orders.admin.purge "a trial"',
    expected: allowed('shop/workers received "a trial" on orders.admin.purge'),
    refusal: refusalOf(ordersApi, "PUB", "denied", true),
    publisher: ordersApi.principal,
    does: () => delivered(workload, worker, workers.name, "orders.admin.purge", "a trial"),
  });
  await workload.close();
}

const CONNECT = 'CONNECT {"verbose":false,"pedantic":false,"lang":"bytes","version":"0","protocol":0}';
const PIPELINE = ["PUB orders.admin.purge 4", "boom", "PUB orders.eu.created 2", "ok", "SUB billing.> 7", "PING"];

async function playWire({ sidecars, story }: Stage, worker: Workload): Promise<void> {
  story.heading("the same, byte by byte", "shop/orders-api pipelines everything into one write");
  const client = await RawClient.connect(sidecars.get(ordersApi)!.port);
  const info = await client.expect("INFO");
  story.quote(`S: ${info.line.slice(0, 70)}…`);
  for (const line of [CONNECT, ...PIPELINE]) story.quote(`C: ${line}`);
  await client.send([CONNECT, ...PIPELINE, ""].join("\r\n"));
  const answers = (await client.until("PONG")).map(({ line }) => line);
  for (const line of [...answers, "PONG"]) story.quote(`S: ${line}`);
  const { subject, text } = await worker.receives("ok");
  story.note(`shop/workers received "${text}" on ${subject}`);
  client.close();
  story.publishers.push(ordersApi.principal);
  story.refusals.push(refusalOf(ordersApi, "PUB", "denied"), refusalOf(ordersApi, "SUB", "not_allowed"));
  story.check("the answers before the PONG", answers, [
    `-ERR 'Permissions Violation for Publish to "orders.admin.purge"'`,
    `-ERR 'Permissions Violation for Subscription to "billing.>"'`,
  ]);
}

/** Everything that happens, in order. */
export async function play(stage: Stage): Promise<void> {
  const worker = await playWorkers(stage);
  const watcher = await playAuditor(stage);
  await playOrdersApi(stage, worker, watcher);
  await tryToEnter(stage, stranger, "no_rule");
  await tryToEnter(stage, partner, "unauthenticated");
  await playPlaintext(stage);
  await playDryRun(stage, worker);
  await playWire(stage, worker);
  stage.story.check("shop/workers is connected still", worker.isIntact, true);
  stage.story.check("audit/auditor is connected still", watcher.isIntact, true);
  await Promise.all([worker.close(), watcher.close()]);
}
