import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RawClient } from "../stand/raw-client.ts";
import { waitFor } from "../stand/wait.ts";
import { errorsOf, publish, publishBlock, refusedPublish, refusedReply, Town, type Route } from "./ways-round.ts";

/** Each test first shows that its way works (ways-round.test.ts). */
describe("ways round a subject policy, to streams,", () => {
  const town = Town.ofSuite();

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

  it("a rollup does not purge by wildcards that a stream's transform makes, unless a rule says `rollup: ALL`", async () => {
    const rollup = publish("data.->", "x", "Nats-Rollup: sub\r\n");
    async function rolledUp(route: Route): Promise<{ errors: string[]; contents: Record<string, number> }> {
      await town.stream("DATA", ["data.>"], {
        allow_rollup_hdrs: true,
        subject_transform: { src: "data.*", dest: "kept.{{split(1,-)}}" },
      });
      await town.store("data.other", "kept");
      const reader = await town.connect("reader", route);
      return { errors: await errorsOf(reader, rollup), contents: await town.contents("DATA") };
    }
    for (const route of ["alone", "permitted"] as const) {
      assert.deepEqual(await rolledUp(route), { errors: [], contents: { "kept.>": 1 } }, route);
    }
    const refused = { errors: refusedPublish("data.->"), contents: { "kept.other": 1 } };
    assert.deepEqual(await rolledUp("filtered"), refused);
  });

  it("JetStream's answer with a rollup does not purge by wildcards of a reply subject, without `replies: ANY`", async () => {
    const get = (reply: string): string => publish("$JS.API.DIRECT.GET.DATA.data.mine", "", "", reply);
    async function rolledUp(route: Route, reply: string): Promise<{ errors: string[]; kept: boolean }> {
      const subject_transform = { src: "data.*", dest: "data.{{split(1,-)}}" };
      await town.stream("DATA", ["data.>"], { allow_rollup_hdrs: true, allow_direct: true, subject_transform });
      await town.store("data.other", "kept");
      await town.store("data.a.b", "kept");
      const watcher = await town.connect("watcher", route);
      await watcher.send(`SUB _INBOX.w.> 1\r\n${publish("data.mine", "x", "Nats-Rollup: sub\r\n", "_INBOX.w.1")}`);
      await watcher.expect("MSG", /^MSG _INBOX\.w\.1 1 /);
      const errors = await errorsOf(watcher, get(reply));
      await watcher.send(get("_INBOX.w.2"));
      await watcher.expect("HMSG", /^HMSG _INBOX\.w\.2 1 /);
      const { "data.other": other, "data.a.b": deep } = await town.contents("DATA");
      return { errors, kept: other === 1 && deep === 1 };
    }
    for (const reply of ["data.>", "data.*", "data.->"]) {
      for (const route of ["alone", "permitted"] as const) {
        assert.deepEqual(await rolledUp(route, reply), { errors: [], kept: false }, `${route}, ${reply}`);
      }
      assert.deepEqual(await rolledUp("filtered", reply), { errors: refusedReply(reply), kept: true }, reply);
    }
  });

  it("the end of a message with a TTL does not purge what wildcards in its subject match, in a stream with markers", async () => {
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

  it("a stored message does not stop the mirrors of its stream", async () => {
    for (const [name, subject] of [
      ["DATA", "data.>"],
      ["OTHER", "other.>"],
    ] as const) {
      await town.stream(name, [subject]);
      await town.stream(`${name}-COPY`, [], { mirror: { name } });
    }
    const heartbeat = publishBlock("data.mine", "NATS/1.0 100 x", "");
    const mallory = await town.connect("mallory", "filtered");
    for (const block of ["NATS/1.0 100 x", "NATS/1.0\r\nNats-Expected-Stream: DATA"]) {
      assert.deepEqual(await errorsOf(mallory, publishBlock("data.mine", block, "")), refusedPublish("data.mine"));
    }
    await town.store("data.1", "x");
    await town.store("other.1", "x");
    await town.holds("DATA-COPY", "data.1");
    await town.holds("OTHER-COPY", "other.1");
    const alone = await town.connect("mallory", "alone");
    assert.deepEqual(await errorsOf(alone, heartbeat), []);
    await town.store("data.2", "x");
    assert.equal((await town.contents("DATA"))["data.2"], 1);
    // What is stored later is soon in a mirror that goes on. The other one has stopped.
    await town.store("other.2", "x");
    await town.holds("OTHER-COPY", "other.2");
    assert.deepEqual(await town.contents("DATA-COPY"), { "data.1": 1 });
  });

  it("a counter's sources, which JetStream alone writes, do not stop a stream that sums up others", async () => {
    for (const name of ["DATA", "OTHER"]) {
      await town.stream(name, [`${name.toLowerCase()}.>`], { allow_msg_counter: true });
      await town.stream(`${name}-SUM`, [], { allow_msg_counter: true, sources: [{ name }] });
    }
    const count = "Nats-Incr: 1\r\n";
    // No sources to the stream that takes it. The other one writes its own in place of what is before the CR.
    const broken = publish("data.mine", "", `${count}Nats-Counter-Sources: {\r}\r\n`);
    const reader = await town.connect("reader", "filtered");
    assert.deepEqual(await errorsOf(reader, broken), refusedPublish("data.mine"));
    await town.store("data.1", "", count);
    await town.holds("DATA-SUM", "data.1");
    const alone = await town.connect("reader", "alone");
    assert.deepEqual(await errorsOf(alone, broken), []);
    await town.holds("DATA-SUM", "data.mine");
    assert.deepEqual(await errorsOf(alone, publish("data.mine", "", count)), []);
    await town.store("data.2", "", count);
    assert.equal((await town.contents("DATA"))["data.2"], 1);
    // What is stored later is soon in a stream that goes on. The other one has stopped.
    await town.store("other.2", "", count);
    await town.holds("OTHER-SUM", "other.2");
    assert.deepEqual(await town.contents("DATA-SUM"), { "data.1": 1, "data.mine": 1 });
  });

  it("a schedule that no second of five years fits, which nats-server tries all, keeps nobody from a stream", async () => {
    await town.stream("DATA", ["data.>"]);
    const stored = async (): Promise<number> => {
      const begin = performance.now();
      await town.store("data.other", "x");
      return performance.now() - begin;
    };
    const unending = publish("data.mine", "x", "Nats-Schedule: , * * * * *\r\n");
    const mallory = await town.connect("mallory", "filtered");
    assert.deepEqual(await errorsOf(mallory, unending.repeat(5)), Array(5).fill(refusedPublish("data.mine")[0]));
    const usual = await stored();
    const alone = await town.connect("mallory", "alone");
    assert.deepEqual(await errorsOf(alone, unending), []);
    // It takes some 150,000,000 steps. The stream allows no schedules.
    const late = await stored();
    assert.ok(late > 500 && late > 5 * usual, `${late} ms behind it, ${usual} ms otherwise`);
    assert.deepEqual(await town.contents("DATA"), { "data.other": 2 });
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
    assert.deepEqual(await errorsOf(mallory, ask(posing)), refusedPublish("x Nats-Request-InfoNats-Request-Info"));
    const subject = posing.replace("Dest: x ", "Dest: ok.");
    assert.deepEqual(await errorsOf(mallory, ask(subject)), refusedPublish("$JS.API.STREAM.MSG.GET.VAULT"));
    // In its own there is no such stream.
    await mallory.send(ask('Nats-Request-Info: {"acc":"BANK"}\r\n'));
    const own = String((await mallory.expect("MSG", /^MSG _INBOX\.m\.1 1 /)).payload);
    assert.match(own, /stream not found/);
  });

  it("headers of one byte do not end nats-server, which republishes or delivers what is stored with them", async () => {
    const block = publishBlock("data.mine", "x", "");
    const panics = (): number => town.stand.nats.log().split("panic: ").length;
    async function follows(prepare: () => Promise<unknown>): Promise<void> {
      await prepare();
      const mallory = await town.connect("mallory", "filtered");
      assert.deepEqual(await errorsOf(mallory, block), refusedPublish("data.mine"));
      assert.deepEqual(await town.contents("DATA"), {});
      const before = panics();
      const alone = await town.connect("mallory", "alone");
      await alone.send(block);
      await waitFor("the end of nats-server", () => panics() > before);
      await town.restart();
    }
    await follows(() => town.stream("DATA", ["data.>"], { republish: { src: ">", dest: "copy.>" } }));
    await follows(async () => {
      await town.stream("DATA", ["data.>"]);
      // A subscription with wildcards is none to which a consumer delivers.
      await town.operator.send("SUB secret.heads 2\r\n");
      const config = { name: "heads", deliver_subject: "secret.heads", ack_policy: "none", headers_only: true };
      await town.api("CONSUMER.CREATE.DATA.heads", { stream_name: "DATA", config });
    });
  });
});
