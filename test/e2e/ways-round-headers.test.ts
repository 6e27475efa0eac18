import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { RawClient } from "../stand/raw-client.ts";
import { waitFor } from "../stand/wait.ts";
import {
  errorsOf,
  publish,
  publishBlock,
  refusedPublish,
  refusedSubscription,
  Town,
  untilHeard,
} from "./ways-round.ts";

/** Each test first shows that its way works (ways-round.test.ts). */
describe("ways round a subject policy, by headers that name subjects or hide others,", () => {
  const town = Town.ofSuite();

  /** A client at a leaf node, which has subscribed to `_INBOX.x.1`. */
  async function atLeaf(): Promise<{ far: RawClient; close: () => Promise<void> }> {
    const leaf = await town.leaf();
    const far = await RawClient.connect(leaf.port);
    const close = async (): Promise<void> => {
      far.close();
      await leaf.stop();
    };
    await far.handshake();
    await far.send("SUB _INBOX.x.1 1\r\n");
    await far.flush();
    await untilHeard(far, town.operator, "_INBOX.x.1");
    return { far, close };
  }

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

  it("a message's trace does not go there behind a status, which JetStream takes away before the next server", async () => {
    await town.stream("DATA", ["data.>"], { allow_direct: true });
    const hidden = publishBlock("data.mine", "NATS/1.0 100 x\r\nNats-Trace-Dest: secret.in\r\n\r\n", "");
    const { close } = await atLeaf();
    try {
      const alone = await town.connect("reader", "alone");
      assert.deepEqual(await errorsOf(alone, hidden), []);
      assert.deepEqual(await town.contents("DATA"), { "data.mine": 1 });
      // What is stored goes to that inbox, and its trace from there.
      assert.deepEqual(await errorsOf(alone, publish("$JS.API.DIRECT.GET.DATA.data.mine", "", "", "_INBOX.x.1")), []);
      const trace = await waitFor("the trace", async () => (await town.secrets())[0]);
      assert.match(trace, /^MSG secret\.in 1 .*"Nats-Trace-Dest":\["secret\.in"\]/);
    } finally {
      await close();
    }
    const reader = await town.connect("reader", "filtered");
    assert.deepEqual(await errorsOf(reader, hidden), refusedPublish("secret.in"));
  });

  it("a stored message is not one that another server sees by its trace alone, so that no reader there waits", async () => {
    const only = (first: string, destination = "*"): string =>
      publishBlock(
        "data.mine",
        `NATS/1.0${first}\r\nNats-Trace-Dest: ${destination}\r\nNats-Trace-Only: true\r\n\r\n`,
        "",
      );
    // The first is traced once JetStream has removed the status, the second once a stream that has DATA as a source removes its first line.
    const ways = { DATA: " x", COPY: "\r\nNats-Expected-x" };
    const { far, close } = await atLeaf();
    try {
      for (const [stream, first] of Object.entries(ways)) {
        const hidden = only(first);
        await town.stream("DATA", ["data.>"], { allow_direct: true });
        await town.stream("COPY", [], { allow_direct: true, sources: [{ name: "DATA" }] });
        const reader = await town.connect("reader", "filtered");
        assert.deepEqual(await errorsOf(reader, hidden), refusedPublish("*"));
        assert.deepEqual(await errorsOf(reader, only(first, "data.t")), refusedPublish("data.mine"));
        const alone = await town.connect("reader", "alone");
        assert.deepEqual(await errorsOf(alone, hidden), []);
        await town.store("data.1", "x");
        await town.holds("COPY", "data.1");
        assert.deepEqual(await town.contents("COPY"), { "data.1": 1, "data.mine": 1 });
        for (const subject of ["data.mine", "data.1"]) {
          await town.operator.send(publish(`$JS.API.DIRECT.GET.${stream}.${subject}`, "", "", "_INBOX.x.1"));
        }
        const { headers } = await far.expect("HMSG", /^HMSG _INBOX\.x\.1 1 /);
        assert.match(String(headers), /\r\nNats-Subject: data\.1\r\n/);
      }
    } finally {
      await close();
    }
  });

  it("nor is a message of an atomic batch, which JetStream stores though it is only traced", async () => {
    const member = (subject: string, sequence: number, more: string): string =>
      publish(subject, "x", `Nats-Batch-Id: b\r\nNats-Batch-Sequence: ${String(sequence)}\r\n${more}`);
    const only = member("data.mine", 1, "Nats-Trace-Dest: data.t\r\nNats-Trace-Only: true\r\n");
    const { far, close } = await atLeaf();
    try {
      await town.stream("DATA", ["data.>"], { allow_direct: true, allow_atomic: true });
      const reader = await town.connect("reader", "filtered");
      assert.deepEqual(await errorsOf(reader, only), refusedPublish("data.mine"));
      const alone = await town.connect("reader", "alone");
      assert.deepEqual(await errorsOf(alone, only + member("data.1", 2, "Nats-Batch-Commit: 1\r\n")), []);
      assert.deepEqual(await town.contents("DATA"), { "data.1": 1, "data.mine": 1 });
      for (const subject of ["data.mine", "data.1"]) {
        await town.operator.send(publish(`$JS.API.DIRECT.GET.DATA.${subject}`, "", "", "_INBOX.x.1"));
      }
      const { headers } = await far.expect("HMSG", /^HMSG _INBOX\.x\.1 1 /);
      assert.match(String(headers), /\r\nNats-Subject: data\.1\r\n/);
    } finally {
      await close();
    }
  });

  it("a message of a fast batch does not have another author's open batch stored when nats-server starts anew", async () => {
    const member = (subject: string, sequence: number, reply = ""): string =>
      publish(subject, "x", `Nats-Batch-Id: b\r\nNats-Batch-Sequence: ${String(sequence)}\r\n`, reply);
    const fast = member("data.mine", 1, "_INBOX.x.u1.10.ok.1.0.$FI");
    await town.stream("DATA", ["data.>"], { storage: "file", allow_atomic: true, allow_batched: true });
    await town.operator.send([1, 2, 3].map((i) => member(`data.${String(i)}`, i)).join(""));
    const reader = await town.connect("reader", "filtered");
    assert.deepEqual(await errorsOf(reader, fast), refusedPublish("data.mine"));
    assert.deepEqual(await town.contents("DATA"), {});
    const alone = await town.connect("reader", "alone");
    assert.deepEqual(await errorsOf(alone, fast), []);
    assert.deepEqual(await town.contents("DATA"), { "data.mine": 1 });
    await town.restart();
    assert.deepEqual(await town.contents("DATA"), { "data.mine": 1, "data.2": 1, "data.3": 1 });
  });

  it("no header fills nats-server's log with what its author has written there", async () => {
    const long = "\x01".repeat(16_000);
    const parent = "traceparent: 00-80e1afed08e019fc1110464cfa66635c-7a085853722dc6d2-01\r\n";
    const logged = [
      { headers: `Nats-Trace-Dest: a ${long}\r\n`, refused: `a ${long}` },
      { headers: `${parent}Nats-Trace-Origin-Account: ${long}\r\n`, refused: "ok.1" },
    ];
    const mallory = await town.connect("mallory", "filtered");
    const alone = await town.connect("mallory", "alone");
    for (const { headers, refused } of logged) {
      const before = town.stand.nats.log().length;
      const errors = await errorsOf(mallory, publish("ok.1", "x", headers));
      assert.equal(errors.length, 1);
      assert.equal(errors[0]!.slice(0, 50), refusedPublish(refused)[0]!.replaceAll("\x01", "\\x01").slice(0, 50));
      assert.equal(town.stand.nats.log().length, before);
      assert.deepEqual(await errorsOf(alone, publish("ok.1", "x", headers)), []);
      await waitFor("the log", () => Promise.resolve(town.stand.nats.log().length - before > 60_000));
    }
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

  it("a schedule does not store where its author may not publish", async () => {
    const at = new Date(Date.now() + 300).toISOString();
    const schedule = (target: string): string =>
      publish("plan.mine", "boom", `Nats-Schedule: @at ${at}\r\nNats-Schedule-Target: ${target}\r\n`);
    const fresh = (): Promise<void> =>
      town.stream("PLAN", ["plan.>", "secret.>", "ok.>"], { allow_msg_schedules: true });

    await fresh();
    const alone = await town.connect("mallory", "alone");
    assert.deepEqual(await errorsOf(alone, schedule("secret.in")), []);
    await town.holds("PLAN", "secret.in");
    await fresh();
    const mallory = await town.connect("mallory", "filtered");
    assert.deepEqual(await errorsOf(mallory, schedule("secret.in")), refusedPublish("secret.in"));
    assert.deepEqual(await errorsOf(mallory, schedule("ok.1")), []);
    await town.holds("PLAN", "ok.1");
    assert.equal((await town.contents("PLAN"))["secret.in"], undefined);
  });

  it("a schedule is not due without end, for a duration beyond what nats-server can count in nanoseconds", async () => {
    const schedule = (duration: string): string =>
      publish("plan.mine", "boom", `Nats-Schedule: @every ${duration}\r\nNats-Schedule-Target: ok.1\r\n`);
    await town.stream("PLAN", ["plan.>", "ok.>"], { allow_msg_schedules: true });
    const mallory = await town.connect("mallory", "filtered");
    // The last ones are all three ways to write microseconds, as Go reads them.
    const durations = [
      "2562047h",
      "9000000000000000000ns",
      ..."us \xc2\xb5s \xce\xbcs".split(" ").map((us) => `1h8000000000000000${us}`),
    ];
    for (const duration of durations)
      assert.deepEqual(await errorsOf(mallory, schedule(duration)), refusedPublish("plan.mine"), duration);
    assert.deepEqual(await errorsOf(mallory, schedule("876599h")), []);
    assert.deepEqual(await town.contents("PLAN"), { "plan.mine": 1 });
    const alone = await town.connect("mallory", "alone");
    for (const duration of durations) {
      await town.stream("PLAN", ["plan.>", "ok.>"], { allow_msg_schedules: true });
      assert.deepEqual(await errorsOf(alone, schedule(duration)), []);
      await waitFor("the schedule three times", async () => ((await town.contents("PLAN"))["ok.1"] ?? 0) >= 3);
    }
  });

  it("a counter does not grow so long that each message to it keeps the stream busy and fills its store", async () => {
    const add = (number: string): string => publish("data.mine", "", `Nats-Incr: ${number}\r\n`);
    const bytes = async (): Promise<number> =>
      (await town.api<{ state: { bytes: number } }>("STREAM.INFO.DATA")).state.bytes;
    const fresh = (): Promise<void> => town.stream("DATA", ["data.>"], { allow_msg_counter: true });
    const [long, longest] = ["9".repeat(16_000), "9".repeat(128)];

    await fresh();
    const alone = await town.connect("reader", "alone");
    assert.deepEqual(await errorsOf(alone, add(long) + add("1").repeat(99)), []);
    assert.deepEqual(await town.contents("DATA"), { "data.mine": 100 });
    assert.ok((await bytes()) > 100 * 16_000);
    await fresh();
    const reader = await town.connect("reader", "filtered");
    assert.deepEqual(await errorsOf(reader, add(long)), refusedPublish("data.mine"));
    assert.deepEqual(await errorsOf(reader, add(longest) + add("1").repeat(99)), []);
    assert.deepEqual(await town.contents("DATA"), { "data.mine": 100 });
    assert.ok((await bytes()) < 100 * 300);
  });

  it("a counter is not summed up once more, since another one's subject hides what the sum has of it", async () => {
    // A stream that sums up has what it counted of each subject in a header, which JetStream misses behind a subject with its name twice.
    const hiding = "data.Nats-Counter-SourcesNats-Counter-Sources";
    const count = (subject: string): string => publish(subject, "", "Nats-Incr: 1\r\n");
    const sum = async (): Promise<string> => {
      const { message } = await town.api<{ message: { data: string } }>("STREAM.MSG.GET.SUM", { last_by_subj: "sum" });
      return String(Buffer.from(message.data, "base64"));
    };
    const sums = (wanted: number): Promise<true> =>
      waitFor(`a sum of ${wanted}`, async () => (await sum()) === `{"val":"${wanted}"}`);
    await town.stream("DATA", ["data.*"], { allow_msg_counter: true });
    const subject_transforms = [{ src: "data.*", dest: "sum" }];
    await town.stream("SUM", [], { allow_msg_counter: true, sources: [{ name: "DATA", subject_transforms }] });
    await town.store("data.other", "", "Nats-Incr: 100\r\n");
    const reader = await town.connect("reader", "filtered");
    assert.deepEqual(await errorsOf(reader, count(hiding)), refusedPublish(hiding));
    assert.deepEqual(await errorsOf(reader, count("data.mine")), []);
    await waitFor("the first sum", async () => (await town.contents("SUM"))["sum"] !== undefined);
    await sums(101);
    const alone = await town.connect("reader", "alone");
    assert.deepEqual(await errorsOf(alone, count(hiding)), []);
    await sums(102);
    await town.store("data.other", "", "Nats-Incr: 1\r\n");
    await sums(203);
  });

  it("a schedule does not store on a subject that ends its readers, made of a target whose line JetStream extends", async () => {
    const at = new Date(Date.now() + 300).toISOString();
    const block = `NATS/1.0\r\nNats-Schedule: @at ${at}\r\nNats-Schedule-Target: ok.1\r\n`;
    const unclosed = publishBlock("plan.mine", block, "boom");
    const fresh = (): Promise<void> => town.stream("PLAN", ["plan.>", "ok.>"], { allow_msg_schedules: true });

    await fresh();
    const alone = await town.connect("mallory", "alone");
    assert.deepEqual(await errorsOf(alone, unclosed), []);
    await town.holds("PLAN", "ok.1Nats-Rollup: sub");
    await fresh();
    const mallory = await town.connect("mallory", "filtered");
    assert.deepEqual(await errorsOf(mallory, unclosed), refusedPublish("plan.mine"));
    assert.deepEqual(await town.contents("PLAN"), {});
  });

  it("a schedule goes on, whoever publishes what it copies", async () => {
    const scheduled = async (): Promise<number> => (await town.contents("DATA"))["data.out"] ?? 0;
    const every = "Nats-Schedule: @every 1s\r\nNats-Schedule-Target: data.out\r\nNats-Schedule-Source: data.mine\r\n";
    const mine = (block: string): string => publishBlock("data.mine", block, "x");
    // JetStream finds the headers again that it adds to a copy, unless these hide them.
    const ways = [
      mine("NATS/1.0\r\nA: bcd"),
      mine("NATS/1.0\r\nA: Nats-SchedulerNats-Scheduler\r\n\r\n"),
      mine("NATS/1.0\r\nA: b\nNats-Schedule\r\n\r\n"),
      mine("Nats-Scheduler: x\r\n\r\n"),
    ];
    const mallory = await town.connect("mallory", "filtered");
    const alone = await town.connect("mallory", "alone");
    for (const way of ways) {
      await town.stream("DATA", ["data.>"], { allow_msg_schedules: true });
      await town.store("data.plan", "", every);
      assert.deepEqual(await errorsOf(mallory, way), refusedPublish("data.mine"));
      assert.deepEqual(await errorsOf(mallory, mine("NATS/1.0\r\nA: bcd\r\n\r\n")), []);
      await waitFor("a second message", async () => (await scheduled()) >= 2);
      assert.deepEqual(await errorsOf(alone, way), []);
      // The schedule sends once more at most, however late, and then no more, whatever it could copy.
      let last = await scheduled();
      await waitFor("the schedule ends", async () => {
        const former = last;
        await setTimeout(2500);
        last = await scheduled();
        return last === former;
      });
      assert.deepEqual(await errorsOf(alone, publish("data.mine", "good")), []);
      await setTimeout(2500);
      assert.equal(await scheduled(), last, way);
    }
  });

  it("a source takes no message once more when nats-server starts anew, whoever publishes what it takes", async () => {
    // A source goes on behind the last message in which nats-server finds the header that it added, unless the message hides that.
    const ways = [
      "NATS/1.0\r\nA: bcd",
      "NATS/1.0\r\nA: Nats-Stream-SourceNats-Stream-Source\r\n\r\n",
      "Nats-Stream-Source: sub\r\n\r\n",
    ].map((block, i) => publishBlock(`data.way${i}`, block, "x"));
    const copied = async (subject: string): Promise<Record<string, number>> => {
      await town.store(subject, "x");
      return waitFor(`the copy of ${subject}`, async () => {
        const contents = await town.contents("COPY");
        return subject in contents ? contents : undefined;
      });
    };
    await town.stream("DATA", ["data.>"], { storage: "file" });
    await town.stream("COPY", [], { storage: "file", sources: [{ name: "DATA" }] });
    const first = { "data.1": 1, "data.harmless": 1 };
    const reader = await town.connect("reader", "filtered");
    for (const [i, way] of ways.entries()) {
      assert.deepEqual(await errorsOf(reader, way), refusedPublish(`data.way${i}`));
    }
    assert.deepEqual(await errorsOf(reader, publish("data.harmless", "x", "A: Nats-Stream-Source\r\n")), []);
    assert.deepEqual(await copied("data.1"), first);
    await town.restart();
    // It takes messages in their order, so any that it takes once more come before this one.
    assert.deepEqual(await copied("data.2"), { ...first, "data.2": 1 });

    const alone = await town.connect("reader", "alone");
    for (const way of ways) assert.deepEqual(await errorsOf(alone, way), []);
    const once = { ...first, "data.2": 1, "data.way0": 1, "data.way1": 1, "data.way2": 1 };
    await waitFor("the copies", async () => Object.keys(await town.contents("COPY")).length === 6);
    assert.deepEqual(await town.contents("COPY"), once);
    await town.restart();
    assert.deepEqual(await copied("data.3"), { ...once, "data.3": 1, "data.way0": 2, "data.way1": 2, "data.way2": 2 });
  });

  it("nor does it where a schedule is stored on a subject that hides that header in what the schedule stores", async () => {
    // JetStream writes the schedule's subject into a header of that, behind which it finds no header whose name stands there twice.
    const hiding = "data.Nats-Stream-SourceNats-Stream-Source";
    const schedule = (subject: string): string =>
      publish(
        subject,
        "x",
        `Nats-Schedule: @at ${new Date(Date.now() + 300).toISOString()}\r\nNats-Schedule-Target: data.out\r\n`,
      );
    const copies = async (): Promise<number> => (await town.contents("COPY"))["data.out"] ?? 0;
    await town.stream("DATA", ["data.>"], { storage: "file", allow_msg_schedules: true });
    await town.stream("COPY", [], { storage: "file", sources: [{ name: "DATA" }] });
    const reader = await town.connect("reader", "filtered");
    assert.deepEqual(await errorsOf(reader, schedule(hiding)), refusedPublish(hiding));
    assert.deepEqual(await errorsOf(reader, schedule("data.Nats-Stream-Source")), []);
    await waitFor("the copy", async () => (await copies()) === 1);
    const alone = await town.connect("reader", "alone");
    assert.deepEqual(await errorsOf(alone, schedule(hiding)), []);
    await waitFor("a second copy", async () => (await copies()) === 2);
    await town.restart();
    await waitFor("the same copy once more", async () => (await copies()) === 3);
  });

  it("a schedule that JetStream sees only once it is stored purges, stores and reads no more than its author may", async () => {
    const fresh = async (): Promise<void> => {
      const more = { allow_msg_schedules: true, allow_msg_ttl: true, subject_delete_marker_ttl: 60e9 };
      await town.stream("PLAN", ["plan.>", "ok.>", "orders.>"], { allow_rollup_hdrs: true, ...more });
      await town.store("ok.no", "kept");
      await town.store("orders.secret", "SECRET");
    };
    // A name twice in a row hides the lines of that name behind it, until JetStream writes a longer TTL in place of both of these.
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
});
