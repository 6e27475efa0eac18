import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { RawClient } from "../stand/raw-client.ts";
import { waitFor } from "../stand/wait.ts";
import {
  errorsOf,
  messagesOf,
  publish,
  publishBlock,
  refusedPublish,
  refusedReply,
  refusedSubscription,
  Town,
  type Route,
} from "./ways-round.ts";

/**
 * Ways round a policy of subjects. Each test first shows that its way works, either with nats-server alone and the same rights as
 * its own permissions, or without the check in question.
 */
describe("ways round a subject policy", () => {
  let town: Town;

  before(async () => {
    town = await Town.start();
  });

  afterEach(() => {
    town.closeClients();
  });

  after(() => town.stop());

  /** Asks a service for the price with a reply subject. Returns the errors received, and what came to `secret.>`. */
  async function askWithReply(route: Route, reply: string): Promise<{ errors: string[]; secrets: string[] }> {
    const service = await RawClient.connect(town.stand.nats.port);
    await service.handshake();
    await service.send("SUB ask.price 1\r\n");
    await service.flush();
    const mallory = await town.connect("mallory", route);
    const errors = await errorsOf(mallory, publish("ask.price", "", "", reply));
    for (const request of await messagesOf(service)) {
      await errorsOf(service, publish(request.split(" ")[3]!, "42"));
    }
    service.close();
    return { errors, secrets: await town.secrets() };
  }

  it("a service's answer does not go where the requester may not publish, unless a rule says `replies: ANY`", async () => {
    for (const route of ["alone", "permitted"] as const) {
      assert.deepEqual(
        await askWithReply(route, "secret.in"),
        { errors: [], secrets: ["MSG secret.in 1 2 42"] },
        route,
      );
    }
    assert.deepEqual(await askWithReply("filtered", "secret.in"), { errors: refusedReply("secret.in"), secrets: [] });
    assert.deepEqual(await askWithReply("filtered", "_INBOX.m.1"), { errors: [], secrets: [] });
  });

  it("a colluding requester's reply subject grants an answerer nothing that the requester may not receive on", async () => {
    async function collude(route: Route): Promise<{ asking: string[]; answering: string[]; secrets: string[] }> {
      const answerer = await town.connect("answerer", route);
      await answerer.send("SUB ask.help 1\r\n");
      await answerer.flush();
      const requester = await town.connect("requester", route);
      const asking = await errorsOf(requester, publish("ask.help", "", "", "secret.in"));
      const answering = await errorsOf(answerer, publish("secret.in", "stolen"));
      return { asking, answering, secrets: await town.secrets() };
    }
    const done = { asking: [], answering: [], secrets: ["MSG secret.in 1 6 stolen"] };
    assert.deepEqual(await collude("alone"), done);
    assert.deepEqual(await collude("permitted"), done);
    assert.deepEqual(await collude("filtered"), {
      asking: refusedReply("secret.in"),
      answering: refusedPublish("secret.in"),
      secrets: [],
    });
  });

  it("a grant to answer does not override a deny", async () => {
    async function answer(route: Route): Promise<{ errors: string[]; secrets: string[] }> {
      const answerer = await town.connect("bounded", route);
      await answerer.send("SUB ask.help 1\r\n");
      await answerer.flush();
      await town.operator.send(publish("ask.help", "", "", "secret.in"));
      await town.operator.flush();
      await answerer.flush();
      return { errors: await errorsOf(answerer, publish("secret.in", "stolen")), secrets: await town.secrets() };
    }
    assert.deepEqual(await answer("alone"), { errors: [], secrets: ["MSG secret.in 1 6 stolen"] });
    assert.deepEqual(await answer("filtered"), { errors: refusedPublish("secret.in"), secrets: [] });
  });

  it("a pull from a JetStream consumer does not deliver to a subject on which the puller may not receive", async () => {
    await town.stream("DATA", ["data.>"]);
    const consumer = { durable_name: "reader", ack_policy: "none" };
    await town.api("CONSUMER.CREATE.DATA.reader", { stream_name: "DATA", config: consumer });
    for (let i = 0; i < 4; i++) await town.store("data.1", "stored");
    const pull = (reply: string): string => publish("$JS.API.CONSUMER.MSG.NEXT.DATA.reader", "1", "", reply);

    for (const route of ["alone", "permitted"] as const) {
      const mallory = await town.connect("mallory", route);
      assert.deepEqual(await errorsOf(mallory, pull("secret.in")), [], route);
      await town.operator.expect("MSG", /^MSG data\.1 1 /);
    }
    const mallory = await town.connect("mallory", "filtered");
    assert.deepEqual(await errorsOf(mallory, pull("secret.in")), refusedReply("secret.in"));
    // The same pull to an allowed subject is answered, so the refused one would have been answered by now.
    await mallory.send(`SUB _INBOX.m.* 1\r\n${pull("_INBOX.m.1")}`);
    await mallory.expect("MSG", /^MSG data\.1 1 /);
    assert.deepEqual(await town.secrets(), []);
  });

  it("a message's trace does not go where its sender may not publish", async () => {
    const traced = publish("ok.1", "x", "Nats-Trace-Dest: secret.in\r\n");
    await town.operator.send(traced);
    await town.operator.expect("MSG", /^MSG secret\.in 1 /);
    const mallory = await town.connect("mallory", "filtered");
    assert.deepEqual(await errorsOf(mallory, traced), refusedPublish("secret.in"));
    // The trace to its own subject comes after whatever the refused message would have caused.
    await town.operator.send("SUB ok.trace trace\r\n");
    await town.operator.flush();
    const own = publish("ok.1", "x", "Nats-Trace-Dest: ok.trace\r\n");
    assert.deepEqual(await errorsOf(mallory, own), []);
    await town.operator.expect("MSG", /^MSG ok\.trace trace /);
    await town.operator.send("UNSUB trace\r\n");
    assert.deepEqual(await town.secrets(), []);
  });

  it("a message's trace does not go there behind a status either, which JetStream takes away before the next server gets it", async () => {
    await town.stream("DATA", ["data.>"], { allow_direct: true });
    const hidden = publishBlock("data.mine", "NATS/1.0 100 x\r\nNats-Trace-Dest: secret.in\r\n\r\n", "");
    const leaf = await town.leaf();
    const far = await RawClient.connect(leaf.port);
    try {
      await far.handshake();
      await far.send("SUB _INBOX.x.1 1\r\n");
      await far.flush();
      await waitFor("the inbox at the leaf node to be known", async () => {
        await town.operator.send(publish("_INBOX.x.1"));
        await town.operator.flush();
        return (await messagesOf(far)).length > 0;
      });
      const alone = await town.connect("reader", "alone");
      assert.deepEqual(await errorsOf(alone, hidden), []);
      assert.deepEqual(await town.contents("DATA"), { "data.mine": 1 });
      // What is stored goes to that inbox, and its trace from there.
      assert.deepEqual(await errorsOf(alone, publish("$JS.API.DIRECT.GET.DATA.data.mine", "", "", "_INBOX.x.1")), []);
      const trace = await waitFor("the trace", async () => (await town.secrets())[0]);
      assert.match(trace, /^MSG secret\.in 1 .*"Nats-Trace-Dest":\["secret\.in"\]/);
    } finally {
      far.close();
      await leaf.stop();
    }
    const reader = await town.connect("reader", "filtered");
    assert.deepEqual(await errorsOf(reader, hidden), refusedPublish("secret.in"));
  });

  it("a schedule does not store where its author may not publish", async () => {
    const at = new Date(Date.now() + 300).toISOString();
    const schedule = (target: string): string =>
      publish("plan.mine", "boom", `Nats-Schedule: @at ${at}\r\nNats-Schedule-Target: ${target}\r\n`);
    const fresh = (): Promise<void> =>
      town.stream("PLAN", ["plan.>", "secret.>", "ok.>"], { allow_msg_schedules: true });

    await fresh();
    const alone = await town.connect("mallory", "alone");
    assert.deepEqual(await errorsOf(alone, schedule("secret.in")), []);
    await waitFor("the scheduled message", async () => (await town.contents("PLAN"))["secret.in"] === 1);
    await fresh();
    const mallory = await town.connect("mallory", "filtered");
    assert.deepEqual(await errorsOf(mallory, schedule("secret.in")), refusedPublish("secret.in"));
    assert.deepEqual(await errorsOf(mallory, schedule("ok.1")), []);
    await waitFor("the permitted message", async () => (await town.contents("PLAN"))["ok.1"] === 1);
    assert.equal((await town.contents("PLAN"))["secret.in"], undefined);
  });

  it("a schedule does not store on what becomes of a target whose line JetStream writes on, a subject that ends its readers", async () => {
    const at = new Date(Date.now() + 300).toISOString();
    const block = `NATS/1.0\r\nNats-Schedule: @at ${at}\r\nNats-Schedule-Target: ok.1\r\n`;
    const unclosed = publishBlock("plan.mine", block, "boom");
    const fresh = (): Promise<void> => town.stream("PLAN", ["plan.>", "ok.>"], { allow_msg_schedules: true });

    await fresh();
    const alone = await town.connect("mallory", "alone");
    assert.deepEqual(await errorsOf(alone, unclosed), []);
    await waitFor("the message", async () => (await town.contents("PLAN"))["ok.1Nats-Rollup: sub"] === 1);
    await fresh();
    const mallory = await town.connect("mallory", "filtered");
    assert.deepEqual(await errorsOf(mallory, unclosed), refusedPublish("plan.mine"));
    assert.deepEqual(await town.contents("PLAN"), {});
  });

  it("a schedule that JetStream sees only once it is stored purges, stores and reads no more than its author may", async () => {
    const fresh = async (): Promise<void> => {
      const more = { allow_msg_schedules: true, allow_msg_ttl: true, subject_delete_marker_ttl: 60e9 };
      await town.stream("PLAN", ["plan.>", "ok.>", "orders.>"], { allow_rollup_hdrs: true, ...more });
      await town.store("ok.no", "kept");
      await town.store("orders.secret", "SECRET");
    };
    // A name twice on end hides the lines of that name behind it, until JetStream writes a longer TTL in place of both of these.
    const hidden = "Nats-TTL: 1s\r\nNats-TTL: Nats-ScheduleNats-Schedule\r\n";
    const schedule = (more: string): string => {
      const at = new Date(Date.now() + 300).toISOString();
      return publish("plan.mine", "boom", `${hidden}Nats-Schedule: @at ${at}\r\n${more}`);
    };
    const all = "Nats-Schedule-Target: ok.1\r\nNats-Schedule-Rollup: all\r\n";
    const pattern = "Nats-Schedule-Target: ok.*\r\nNats-Schedule-Rollup: sub\r\n";
    const source = "Nats-Schedule-Target: ok.1\r\nNats-Schedule-Source: orders.*\r\n";

    const alone = await town.connect("mallory", "alone");
    const stored = (subject: string) => async (): Promise<boolean> => subject in (await town.contents("PLAN"));
    await fresh();
    assert.deepEqual(await errorsOf(alone, schedule(all)), []);
    await waitFor("the purge of all", stored("ok.1"));
    assert.deepEqual(await town.contents("PLAN"), { "ok.1": 1 });
    await fresh();
    assert.deepEqual(await errorsOf(alone, schedule(pattern)), []);
    await waitFor("the purge of what a pattern takes", stored("ok.*"));
    assert.ok(!("ok.no" in (await town.contents("PLAN"))));
    await fresh();
    assert.deepEqual(await errorsOf(alone, schedule(source)), []);
    await waitFor("the copy", stored("ok.1"));
    const { message } = await town.api<{ message: { data: string } }>("STREAM.MSG.GET.PLAN", { last_by_subj: "ok.1" });
    assert.equal(String(Buffer.from(message.data, "base64")), "SECRET");

    await fresh();
    const mallory = await town.connect("mallory", "filtered");
    assert.deepEqual(await errorsOf(mallory, schedule(all)), refusedPublish("plan.mine"));
    assert.deepEqual(await errorsOf(mallory, schedule(pattern)), refusedPublish("ok.*"));
    assert.deepEqual(await errorsOf(mallory, schedule(source)), refusedSubscription("orders.*"));
    assert.deepEqual(await town.contents("PLAN"), { "ok.no": 1, "orders.secret": 1 });
  });

  it("a scheduler's purge does not remove another author's schedule", async () => {
    const purge = publish("plan.mine", "", "Nats-Scheduler: plan.other\r\nNats-Schedule-Next: purge\r\n", "_INBOX.m.1");
    const at = new Date(Date.now() + 3_600_000).toISOString();
    const fresh = async (): Promise<void> => {
      await town.stream("PLAN", ["plan.>"], { allow_msg_schedules: true, allow_rollup_hdrs: true });
      const schedule = `Nats-Schedule: @at ${at}\r\nNats-Schedule-Target: plan.target\r\n`;
      await town.store("plan.other", "later", schedule);
    };
    await fresh();
    const alone = await town.connect("mallory", "alone");
    assert.deepEqual(await errorsOf(alone, purge), []);
    await waitFor("the schedule is gone", async () => (await town.contents("PLAN"))["plan.other"] === undefined);
    await fresh();
    const mallory = await town.connect("mallory", "filtered");
    assert.deepEqual(await errorsOf(mallory, purge), refusedPublish("plan.other"));
    assert.deepEqual(await town.contents("PLAN"), { "plan.other": 1 });
  });

  it("`Nats-Rollup: all` does not purge a stream, unless a rule says `rollup: ALL`", async () => {
    const rollup = publish("data.mine", "mine", "Nats-Rollup: all\r\n");
    async function rolledUp(route: Route): Promise<{ errors: string[]; contents: Record<string, number> }> {
      await town.stream("DATA", ["data.>"], { allow_rollup_hdrs: true });
      await town.store("data.other", "kept");
      const mallory = await town.connect("mallory", route);
      return { errors: await errorsOf(mallory, rollup), contents: await town.contents("DATA") };
    }
    for (const route of ["alone", "permitted"] as const) {
      assert.deepEqual(await rolledUp(route), { errors: [], contents: { "data.mine": 1 } }, route);
    }
    const { errors, contents } = await rolledUp("filtered");
    assert.deepEqual({ errors, contents }, { errors: refusedPublish("data.mine"), contents: { "data.other": 1 } });
  });

  it("a rollup of a subject with wildcards does not purge what they match, unless a rule says `rollup: ALL`", async () => {
    async function rolledUp(
      route: Route,
      header: string,
    ): Promise<{ errors: string[]; contents: Record<string, number> }> {
      await town.stream("DATA", ["data.>"], { allow_rollup_hdrs: true });
      await town.store("data.other", "kept");
      const reader = await town.connect("reader", route);
      return { errors: await errorsOf(reader, publish("data.>", "x", header)), contents: await town.contents("DATA") };
    }
    for (const route of ["alone", "permitted"] as const) {
      assert.deepEqual(await rolledUp(route, "Nats-Rollup: sub\r\n"), { errors: [], contents: { "data.>": 1 } }, route);
    }
    const refused = { errors: refusedPublish("data.>"), contents: { "data.other": 1 } };
    assert.deepEqual(await rolledUp("filtered", "Nats-Rollup: sub\r\n"), refused);
    assert.deepEqual(await rolledUp("filtered", "Nats-Schedule: @every 1m\r\n"), refused);
    assert.deepEqual(await rolledUp("filtered", "A: b\r\n"), {
      errors: [],
      contents: { "data.>": 1, "data.other": 1 },
    });
  });

  it("a message with a TTL on a subject with wildcards does not purge what they match when it ends, in a stream with markers", async () => {
    await town.stream("DATA", ["data.>"], {
      allow_rollup_hdrs: true,
      allow_msg_ttl: true,
      subject_delete_marker_ttl: 1e9,
    });
    const ending = publish("data.>", "x", "Nats-TTL: 1s\r\n");
    const reader = await town.connect("reader", "filtered");
    assert.deepEqual(await errorsOf(reader, ending), refusedPublish("data.>"));
    const alone = await town.connect("reader", "alone");
    await town.store("data.other", "kept");
    assert.deepEqual(await errorsOf(alone, ending), []);
    await waitFor("it has ended", async () => !("data.other" in (await town.contents("DATA"))));
  });

  it("a counter on a subject with wildcards does not reveal the value of one that they match", async () => {
    const count = publish("data.>", "", "Nats-Incr: 0\r\n", "_INBOX.x.1");
    await town.stream("DATA", ["data.>"], { allow_msg_counter: true });
    await town.store("data.other", "", "Nats-Incr: 42\r\n");
    const reader = await town.connect("reader", "filtered");
    assert.deepEqual(await errorsOf(reader, count), refusedPublish("data.>"));
    const own = publish("data.mine", "", "Nats-Incr: 7\r\n", "_INBOX.x.2");
    await reader.send(`SUB _INBOX.x.* 1\r\n${own}`);
    assert.match(String((await reader.expect("MSG", /^MSG _INBOX\.x\.2 1 /)).payload), /"val":"7"/);
    await town.store("data.other", "", "Nats-Incr: 0\r\n");
    const alone = await town.connect("reader", "alone");
    await alone.send(`SUB _INBOX.x.* 1\r\n${count}`);
    assert.match(String((await alone.expect("MSG", /^MSG _INBOX\.x\.1 1 /)).payload), /"val":"42"/);
  });

  it("wildcards in a request to JetStream's API read nothing that a deny protects", async () => {
    await town.stream("DATA", ["data.>"], { allow_direct: true });
    await town.store("data.other", "SECRET");
    const get = publish("$JS.API.DIRECT.GET.DATA.data.*", "", "", "_INBOX.x.1");
    const alone = await town.connect("reader", "alone");
    assert.deepEqual(await errorsOf(alone, get.replace("data.*", "data.other")), [
      "-ERR 'Permissions Violation for Publish to \"$JS.API.DIRECT.GET.DATA.data.other\"'",
    ]);
    await alone.send(`SUB _INBOX.x.* 1\r\n${get}`);
    assert.match(String((await alone.expect("HMSG", /^HMSG _INBOX\.x\.1 1 /)).payload), /SECRET$/);

    const reader = await town.connect("reader", "filtered");
    await reader.send("SUB _INBOX.x.* 1\r\n");
    assert.deepEqual(await errorsOf(reader, get), refusedPublish("$JS.API.DIRECT.GET.DATA.data.*"));
    const create = `$JS.API.CONSUMER.CREATE.DATA.c.data.>`;
    assert.deepEqual(await errorsOf(reader, publish(create, "{}", "", "_INBOX.x.2")), refusedPublish(create));
    // JetStream takes `*q` for `*` if it searches with another wildcard beside it, and otherwise for itself.
    for (let i = 0; i < 4; i++) {
      assert.deepEqual(await errorsOf(reader, publish(`$JS.API.CONSUMER.CREATE.DATA.c.*q.${i}`)), []);
    }
    const odd = `$JS.API.CONSUMER.CREATE.DATA.c.*q.>`;
    assert.deepEqual(await errorsOf(reader, publish(odd, "{}")), refusedPublish(odd));
    // What no deny covers is requested as before. Nothing is stored there.
    await reader.send(publish("$JS.API.DIRECT.GET.DATA.data.mine.*", "", "", "_INBOX.x.3"));
    await reader.expect("HMSG", /^HMSG _INBOX\.x\.3 1 /);
  });

  it("a pattern by which JetStream finds more than it matches reads nothing that a deny protects", async () => {
    await town.stream("DATA", ["data.>"], { allow_direct: true });
    // JetStream's tree of subjects has a node that ends behind `data.othe`.
    await town.store("data.othello", "");
    await town.store("data.other", "SECRET");
    const subject = "$JS.API.DIRECT.GET.DATA.*.othe>";
    const get = publish(subject, "", "", "_INBOX.x.1");
    const alone = await town.connect("reader", "alone");
    await alone.send(`SUB _INBOX.x.* 1\r\n${get}`);
    assert.match(String((await alone.expect("HMSG", /^HMSG _INBOX\.x\.1 1 /)).payload), /SECRET$/);

    const reader = await town.connect("reader", "filtered");
    assert.deepEqual(await errorsOf(reader, get), refusedPublish(subject));
  });

  it("a request that names JetStream's domain reads nothing that a deny protects, though it begins otherwise", async () => {
    await town.stream("DATA", ["data.>"], { allow_direct: true });
    await town.store("data.other", "SECRET");
    const request = (subject: string): string => publish(subject, "", "", "_INBOX.x.1");
    const get = "$JS.hub.API.DIRECT.GET.DATA.data.other";
    // nats-server judges the subject without the domain, and so it answers everybody who is restricted by nobody.
    const alone = await town.connect("reader", "alone");
    const deny = refusedPublish("$JS.API.DIRECT.GET.DATA.data.other");
    assert.deepEqual(await errorsOf(alone, request(get)), deny);
    await town.requests.send(publish(get, "", "", "_INBOX.o.get"));
    assert.match(String((await town.requests.expect("HMSG", /^HMSG _INBOX\.o\.get 1 /)).payload), /SECRET$/);

    const reader = await town.connect("reader", "filtered");
    await reader.send("SUB _INBOX.x.* 1\r\n");
    assert.deepEqual(await errorsOf(reader, request(get)), refusedPublish(get));
    const pattern = "$JS.hub.API.DIRECT.GET.DATA.data.*";
    assert.deepEqual(await errorsOf(reader, request(pattern)), refusedPublish(pattern));
    await reader.send(request("$JS.hub.API.DIRECT.GET.DATA.data.mine"));
    await reader.expect("HMSG", /^HMSG _INBOX\.x\.1 1 /);
  });

  it("no header hides another from JetStream's check, to break the store afterwards", async () => {
    await town.stream("DATA", ["data.>"], { allow_atomic: true });
    const batch = (id: string, more = ""): string =>
      `Nats-Batch-Id: ${id}\r\nNats-Batch-Sequence: 1\r\nNats-Batch-Commit: 1\r\n${more}`;
    const hidden = "Nats-Request-Info: Nats-TTLNats-TTL\r\nNats-TTL: none\r\n";
    const mallory = await town.connect("mallory", "filtered");
    assert.deepEqual(
      await errorsOf(mallory, publish("data.mine", "x", batch("a", hidden))),
      refusedPublish("data.mine"),
    );
    await town.store("data.1", "x", batch("b"));
    assert.deepEqual(await town.contents("DATA"), { "data.1": 1 });
    // Alone, each leaves a batch open for good, and there may be fifty of them.
    const alone = await town.connect("mallory", "alone");
    for (let i = 0; i < 50; i++) await errorsOf(alone, publish("data.mine", "x", batch(`c${i}`, hidden)));
    await waitFor("the stream takes no batch any more", async () => {
      await town.store("data.1", "x", batch("d"));
      return (await town.contents("DATA"))["data.1"] === 1;
    });
  });

  it("a stored message does not stop the mirrors of its stream", async () => {
    const stored = async (): Promise<Record<string, number>> => town.contents("COPY");
    await town.stream("DATA", ["data.>"]);
    await town.stream("COPY", [], { mirror: { name: "DATA" } });
    const heartbeat = publishBlock("data.mine", "NATS/1.0 100 x", "");
    const mallory = await town.connect("mallory", "filtered");
    for (const block of ["NATS/1.0 100 x", "NATS/1.0\r\nNats-Expected-Stream: DATA"]) {
      assert.deepEqual(await errorsOf(mallory, publishBlock("data.mine", block, "")), refusedPublish("data.mine"));
    }
    await town.store("data.1", "x");
    await waitFor("it is mirrored", async () => (await stored())["data.1"] === 1);
    const alone = await town.connect("mallory", "alone");
    assert.deepEqual(await errorsOf(alone, heartbeat), []);
    await town.store("data.2", "x");
    await waitFor("it is stored", async () => (await town.contents("DATA"))["data.2"] === 1);
    // Long enough for a mirror that goes on. This one has stopped.
    await sleep(2000);
    assert.deepEqual(await stored(), { "data.1": 1 });
  });

  it("a request to JetStream is not made in another account's name", async () => {
    const banker = await RawClient.connect(town.stand.nats.port);
    await banker.handshake({ user: "banker", pass: "banker" });
    const vault = JSON.stringify({ name: "VAULT", subjects: ["vault.>"], storage: "memory" });
    await banker.send(`SUB _INBOX.b 1\r\n${publish("$JS.API.STREAM.CREATE.VAULT", vault, "", "_INBOX.b")}`);
    await banker.expect("MSG", /^MSG _INBOX\.b 1 /);
    await banker.send(publish("vault.1", "GOLD", "", "_INBOX.b"));
    await banker.expect("MSG", /^MSG _INBOX\.b 1 /);
    banker.close();

    const traced = "Nats-Trace-Dest: ok.1\r\nNats-Trace-Dest: x Nats-Request-InfoNats-Request-Info\r\n";
    const posing = `${traced}Nats-Request-Info: {"acc":"BANK"}\r\n`;
    const ask = (headers: string): string =>
      publish("$JS.API.STREAM.MSG.GET.VAULT", '{"seq":1}', headers, "_INBOX.m.1");
    const alone = await town.connect("mallory", "alone");
    await alone.send(`SUB _INBOX.m.* 1\r\n${ask(posing)}`);
    const told = String((await alone.expect("MSG", /^MSG _INBOX\.m\.1 1 /)).payload);
    assert.match(told, new RegExp(Buffer.from("GOLD").toString("base64")));
    const mallory = await town.connect("mallory", "filtered");
    await mallory.send("SUB _INBOX.m.* 1\r\n");
    assert.deepEqual(await errorsOf(mallory, ask(posing)), refusedPublish("$JS.API.STREAM.MSG.GET.VAULT"));
    // In its own there is no such stream.
    await mallory.send(ask('Nats-Request-Info: {"acc":"BANK"}\r\n'));
    const own = String((await mallory.expect("MSG", /^MSG _INBOX\.m\.1 1 /)).payload);
    assert.match(own, /stream not found/);
  });

  it("a second CONNECT does not change the peer's identity", async () => {
    const again = 'CONNECT {"user":"operator","pass":"operator","verbose":false,"headers":true,"protocol":1}\r\n';
    const attempt = publish("secret.in", "stolen");
    const alone = await town.connect("mallory", "alone");
    assert.deepEqual(await errorsOf(alone, attempt), refusedPublish("secret.in"));
    assert.deepEqual(await errorsOf(alone, again + attempt), []);
    assert.deepEqual(await town.secrets(), ["MSG secret.in 1 6 stolen"]);
    const mallory = await town.connect("mallory", "filtered");
    assert.deepEqual(await errorsOf(mallory, again + attempt), refusedPublish("secret.in"));
    assert.deepEqual(await town.secrets(), []);
  });

  it("a second CONNECT does not switch off the filter of deliveries", async () => {
    const mallory = await town.connect("mallory", "filtered");
    await mallory.send("SUB orders.> 1\r\n");
    await errorsOf(mallory, 'CONNECT {"verbose":false,"headers":true,"protocol":1}\r\nSUB orders.* 1\r\n');
    await town.operator.send(publish("orders.secret", "no") + publish("orders.1", "yes"));
    await town.operator.flush();
    assert.deepEqual(await messagesOf(mallory), ["MSG orders.1 1 3 yes"]);
  });

  it("a subscription with wildcards reads no more than an allow entry contains", async () => {
    async function read(route: Route): Promise<{ errors: string[]; messages: string[] }> {
      const mallory = await town.connect("mallory", route);
      const errors = await errorsOf(mallory, "SUB foo.> 1\r\n");
      await town.operator.send(publish("foo.a.deep", "read"));
      await town.operator.flush();
      return { errors, messages: await messagesOf(mallory) };
    }
    assert.deepEqual(await read("alone"), { errors: [], messages: ["MSG foo.a.deep 1 4 read"] });
    assert.deepEqual(await read("filtered"), { errors: refusedSubscription("foo.>"), messages: [] });
  });

  it("a member of a queue group receives nothing that a deny withholds from it, and loses nothing for the group", async () => {
    const COUNT = 40;
    async function share(member: RawClient): Promise<{ errors: string[]; theirs: number; rightful: number }> {
      const rightful = await RawClient.connect(town.stand.nats.port);
      await rightful.handshake();
      await rightful.send("SUB orders.> workers 1\r\n");
      await rightful.flush();
      const errors = await errorsOf(member, "SUB orders.> workers 1\r\n");
      await town.operator.send(publish("orders.secret", "x").repeat(COUNT));
      await town.operator.flush();
      const counts = { theirs: (await messagesOf(member)).length, rightful: (await messagesOf(rightful)).length };
      rightful.close();
      return { errors, ...counts };
    }
    // In front of a broker that does not know the deny, as the filter is in front of one.
    const unbounded = await RawClient.connect(town.stand.nats.port);
    await unbounded.handshake();
    const { errors, theirs, rightful } = await share(unbounded);
    unbounded.close();
    assert.deepEqual(errors, []);
    assert.ok(theirs > 0, "the group shared nothing");
    assert.equal(theirs + rightful, COUNT);
    assert.deepEqual(await share(await town.connect("mallory", "filtered")), {
      errors: refusedSubscription("orders.>", "workers"),
      theirs: 0,
      rightful: COUNT,
    });
  });

  it("frames inside payloads stay payload, in allowed and in refused messages, and frames after them are judged", async () => {
    const hidden = publish("secret.in", "stolen");
    const inside = `xx\r\n${hidden}SUB > 9\r\n`;
    // If a payload is declared shorter than it is, what follows is an operation.
    const behind = `PUB ok.1 2\r\n${inside}`;
    await town.operator.send(hidden);
    await town.operator.expect("MSG", "MSG secret.in 1 6");

    await town.operator.send("SUB ok.1 3\r\n");
    await town.operator.flush();
    const mallory = await town.connect("mallory", "filtered");
    assert.deepEqual(await errorsOf(mallory, publish("ok.1", inside)), []);
    assert.deepEqual(await town.secrets(), [`MSG ok.1 3 ${inside.length} ${inside}`]);
    assert.deepEqual(await errorsOf(mallory, publish("ok.no", inside)), refusedPublish("ok.no"));
    assert.deepEqual(await errorsOf(mallory, behind), [...refusedPublish("secret.in"), ...refusedSubscription(">")]);
    // However the network cuts them.
    for (const byte of publish("ok.no", inside) + publish("ok.1", inside)) await mallory.send(byte);
    assert.deepEqual(await errorsOf(mallory, ""), refusedPublish("ok.no"));
    const messages = await town.secrets();
    assert.deepEqual(messages, ["MSG ok.1 3 2 xx", `MSG ok.1 3 ${inside.length} ${inside}`]);
    await town.operator.send("UNSUB 3\r\n");
  });

  it("a peer without a certificate has no identity on a PERMISSIVE port", async () => {
    // On such a port the client must speak first: until then the proxy does not know whether TLS comes.
    const sent = `CONNECT {"verbose":false}\r\n${publish("secret.in", "stolen")}${publish("ok.1", "x")}PING\r\n`;
    const plain = await RawClient.connect(town.stand.port("permissiveAlone"));
    await plain.send(sent);
    await plain.until("PONG");
    plain.close();
    assert.deepEqual(await town.secrets(), ["MSG secret.in 1 6 stolen"]);

    const nobody = await RawClient.connect(town.stand.port("permissive"));
    await nobody.send(sent);
    await nobody.expect("INFO");
    const frames = await nobody.untilClosed();
    assert.deepEqual(
      frames.map(({ line }) => line),
      ["-ERR 'Authorization Violation'"],
    );
    assert.deepEqual(await town.secrets(), []);
  });
});
