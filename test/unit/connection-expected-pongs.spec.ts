import { Buffer } from "../../assembly/bytes/buffer";
import { embeddedIn } from "../../assembly/bytes/embedded";
import { giveBack, limitBytes, raiseLimit, take, usedBytes } from "../../assembly/bytes/budget";
import { becomesViolation, ExpectedPongs, Pong } from "../../assembly/connection/expected-pongs";
import { lengthOf, pointerTo, textAt } from "./bytes-support";

/** Bytes of a record before its name. */
const HEAD: i32 = 4;
/** Client PINGs that one record counts. */
const MAX_RUN: u32 = 0xffffff;

function pushName(pongs: ExpectedPongs, name: string, kind: Pong = Pong.PUBLISH_VIOLATION): bool {
  return pongs.pushName(kind, pointerTo(name), lengthOf(name));
}

function pushQueue(pongs: ExpectedPongs, name: string, queue: string): bool {
  return pongs.pushNameAndQueue(
    Pong.QUEUE_VIOLATION,
    pointerTo(name),
    lengthOf(name),
    pointerTo(queue),
    lengthOf(queue),
  );
}

/** The front record: its kind, and its name and queue if it has them. */
function front(pongs: ExpectedPongs): string {
  const kind = pongs.kind;
  if (kind == Pong.NONE) return "nothing";
  if (kind == Pong.CLIENT) return "client";
  const name = textAt(pongs.name, pongs.nameLength);
  const queue = textAt(pongs.queue, pongs.queueLength);
  return `${<i32>kind}[${name}][${queue}]`;
}

/** Removes all records, in order. */
function drain(pongs: ExpectedPongs): string {
  const found: string[] = [];
  while (!pongs.isEmpty) {
    found.push(front(pongs));
    pongs.pop();
  }
  return found.join(" ");
}

/** Takes what is left of the budget, except for `spare` bytes. */
let taken: usize = 0;
let takenBytes: usize = 0;

function exhaust(): void {
  takenBytes = limitBytes() - usedBytes() - 16;
  taken = take(takenBytes);
  expect(taken).not.toBe(0);
}

function relax(): void {
  giveBack(taken, takenBytes);
}

describe("the PONGs that are expected, without a budget", () => {
  it("are none, and every push reports that there is no room", () => {
    const pongs = new ExpectedPongs();
    expect(pongs.pushClient()).toBe(false);
    expect(pongs.push(Pong.CONNECT_TAKEN)).toBe(false);
    expect(pushName(pongs, "a")).toBe(false);
    expect(pushQueue(pongs, "a", "b")).toBe(false);
    expect(pongs.pushSubscription(Pong.MAXIMUM, pointerTo("1"), 1, 1, 1)).toBe(false);
    expect(pongs.isEmpty).toBe(true);
    expect(pongs.size).toBe(0);
    expect(pongs.lastSize).toBe(0);
    expect(front(pongs)).toBe("nothing");
    pongs.pop();
    expect(pongs.isEmpty).toBe(true);
    pongs.destroy();
  });
});

describe("the PONGs that are expected", () => {
  beforeAll(() => {
    raiseLimit(1 << 20);
  });

  it("come in the order of their PINGs, with what they become", () => {
    const before = usedBytes();
    const pongs = new ExpectedPongs();
    pongs.pushClient();
    pushName(pongs, "foo");
    pongs.push(Pong.CONNECT_TAKEN);
    pushQueue(pongs, "bar.>", "workers");
    pongs.pushClient();
    pongs.pushClient();
    pushName(pongs, "", Pong.SUBSCRIPTION_VIOLATION);
    pongs.push(Pong.CONNECT_TAKEN);
    pushQueue(pongs, "", "");
    expect(drain(pongs)).toBe(
      `client ${Pong.PUBLISH_VIOLATION}[foo][] ${Pong.CONNECT_TAKEN}[][] ${Pong.QUEUE_VIOLATION}[bar.>][workers] client client ${Pong.SUBSCRIPTION_VIOLATION}[][] ${Pong.CONNECT_TAKEN}[][] ${Pong.QUEUE_VIOLATION}[][]`,
    );
    expect(front(pongs)).toBe("nothing");
    pongs.pop();
    expect(pongs.isEmpty).toBe(true);
    pongs.destroy();
    expect(usedBytes()).toBe(before);
  });

  it("know their subscription, and the number of a maximum", () => {
    const pongs = new ExpectedPongs();
    pongs.pushSubscription(Pong.MAXIMUM, pointerTo("sid"), 3, 0xffffffff, 7);
    pongs.pushSubscription(Pong.MAXIMUM_OK, pointerTo(""), 0, 2, 1);
    pongs.pushSubscription(Pong.BEGINS, pointerTo("é"), 2, 3);
    pushName(pongs, "foo");
    expect(pongs.size).toBe(4 * HEAD + 3 * 8 + 3 + 2 + 3);
    expect(front(pongs)).toBe(`${Pong.MAXIMUM}[sid][]`);
    expect(pongs.maximum).toBe(7);
    expect(pongs.serial).toBe(0xffffffff);
    pongs.pop();
    expect(front(pongs)).toBe(`${Pong.MAXIMUM_OK}[][]`);
    expect(pongs.maximum).toBe(1);
    expect(pongs.serial).toBe(2);
    pongs.pop();
    expect(front(pongs)).toBe(`${Pong.BEGINS}[é][]`);
    expect(pongs.maximum).toBe(0);
    expect(pongs.serial).toBe(3);
    pongs.pop();
    expect(drain(pongs)).toBe(`${Pong.PUBLISH_VIOLATION}[foo][]`);
    pongs.destroy();
  });

  it("become the text of a violation for the six kinds of refusals behind which the connection goes on", () => {
    const violations: Pong[] = [
      Pong.PUBLISH_VIOLATION,
      Pong.PEDANTIC_PUBLISH_VIOLATION,
      Pong.REPLY_VIOLATION,
      Pong.PEDANTIC_REPLY_VIOLATION,
      Pong.SUBSCRIPTION_VIOLATION,
      Pong.QUEUE_VIOLATION,
    ];
    for (let i = 0; i < violations.length; i++) assert(becomesViolation(violations[i]), `kind ${<i32>violations[i]}`);
    expect(becomesViolation(Pong.REVOCATIONS_TAKEN)).toBe(false);
    expect(becomesViolation(Pong.SUBSCRIPTIONS_EXCEEDED)).toBe(false);
    expect(becomesViolation(Pong.AUTHORIZATION_VIOLATION)).toBe(false);
    expect(becomesViolation(Pong.PAYLOAD_VIOLATION)).toBe(false);
  });

  it("keep their bytes, whatever becomes of the client's", () => {
    const pongs = new ExpectedPongs();
    const name = pointerTo("subject");
    pongs.pushName(Pong.REPLY_VIOLATION, name, 7);
    memory.fill(name, 0, 7);
    expect(drain(pongs)).toBe(`${Pong.REPLY_VIOLATION}[subject][]`);
    pongs.destroy();
  });

  it("report how many bytes wait, and how many of them the newest record has", () => {
    const pongs = new ExpectedPongs();
    pushName(pongs, "foo");
    expect(pongs.size).toBe(HEAD + 3);
    expect(pongs.lastSize).toBe(HEAD + 3);
    pushQueue(pongs, "foo", "queue");
    expect(pongs.size).toBe(HEAD + 3 + HEAD + HEAD + 8);
    expect(pongs.lastSize).toBe(HEAD + HEAD + 8);
    pongs.push(Pong.CONNECT_TAKEN);
    expect(pongs.lastSize).toBe(HEAD);
    pongs.pop();
    expect(pongs.size).toBe(HEAD + HEAD + 8 + HEAD);
    pongs.pop();
    pongs.pop();
    expect(pongs.size).toBe(0);
    expect(pongs.lastSize).toBe(0);
    pongs.destroy();
  });
});

describe("a run of the client's own PINGs", () => {
  it("is one record, however long, and one PONG each", () => {
    const pongs = new ExpectedPongs();
    for (let i = 0; i < 10_000; i++) pongs.pushClient();
    expect(pongs.size).toBe(HEAD);
    for (let i = 0; i < 10_000; i++) {
      expect(pongs.kind).toBe(Pong.CLIENT);
      pongs.pop();
    }
    expect(pongs.isEmpty).toBe(true);
    pongs.destroy();
  });

  it("continues while it is answered, and ends with any other record", () => {
    const pongs = new ExpectedPongs();
    pongs.pushClient();
    pongs.pushClient();
    pongs.pop();
    pongs.pushClient();
    expect(pongs.size).toBe(HEAD);
    pongs.push(Pong.CONNECT_TAKEN);
    pongs.pushClient();
    expect(pongs.size).toBe(3 * HEAD);
    expect(drain(pongs)).toBe(`client client ${Pong.CONNECT_TAKEN}[][] client`);
    pongs.pushClient();
    expect(drain(pongs)).toBe("client");
    pongs.destroy();
  });

  it("is known to be alone until there is a PING of ours", () => {
    const pongs = new ExpectedPongs();
    expect(pongs.hasOnlyClients).toBe(true);
    pongs.pushClient();
    pongs.pushClient();
    expect(pongs.hasOnlyClients).toBe(true);
    pongs.push(Pong.CONNECT_TAKEN);
    expect(pongs.hasOnlyClients).toBe(false);
    pongs.pop();
    pongs.pop();
    expect(pongs.hasOnlyClients).toBe(false);
    pongs.pop();
    expect(pongs.hasOnlyClients).toBe(true);
    pongs.destroy();
  });

  it("begins another record when it is as long as a record can count", () => {
    const pongs = new ExpectedPongs();
    pongs.pushClient();
    // As if all but one had been pushed, which would take seconds.
    const records = embeddedIn<Buffer>(changetype<usize>(pongs), offsetof<ExpectedPongs>("recordsEmbedded"));
    expect(load<u32>(records.pointer)).toBe(((<u32>Pong.CLIENT) << 24) | 1);
    store<u32>(records.pointer, ((<u32>Pong.CLIENT) << 24) | (MAX_RUN - 1));
    pongs.pushClient();
    expect(pongs.size).toBe(HEAD);
    pongs.pushClient();
    expect(pongs.size).toBe(2 * HEAD);
    pongs.pop();
    expect(pongs.size).toBe(2 * HEAD);
    expect(pongs.kind).toBe(Pong.CLIENT);
    store<u32>(records.pointer, ((<u32>Pong.CLIENT) << 24) | 1);
    expect(drain(pongs)).toBe("client client");
    pongs.destroy();
  });
});

describe("a record after others that were all answered", () => {
  it("is a new one, even if the last of the others was for the client's PINGs", () => {
    const pongs = new ExpectedPongs();
    pongs.pushClient();
    pongs.pop();
    expect(pongs.lastSize).toBe(0);
    pongs.pushClient();
    expect(pongs.size).toBe(HEAD);
    expect(drain(pongs)).toBe("client");
    pushName(pongs, "foo");
    pongs.pop();
    pongs.pushClient();
    expect(drain(pongs)).toBe("client");
    pongs.destroy();
  });
});

describe("the memory of expected PONGs", () => {
  it("does not grow while as many are answered as are sent", () => {
    const pongs = new ExpectedPongs();
    const name = "n".repeat(100);
    for (let i = 0; i < 20; i++) pushName(pongs, name);
    let used: usize = 0;
    for (let i = 0; i < 20_000; i++) {
      pushName(pongs, name);
      pongs.pop();
      if (i == 1000) used = usedBytes();
    }
    expect(usedBytes()).toBe(used);
    expect(pongs.size).toBe(20 * (HEAD + 100));
    pongs.destroy();
  });

  it("is moved to the front without a change to what waits", () => {
    const pongs = new ExpectedPongs();
    const expected: string[] = [];
    for (let i = 0; i < 100; i++) pushName(pongs, `${i}.`.repeat(30));
    for (let i = 0; i < 90; i++) pongs.pop();
    for (let i = 90; i < 100; i++) expected.push(`${Pong.PUBLISH_VIOLATION}[${`${i}.`.repeat(30)}][]`);
    // Moves the ten to the front, and is itself the newest.
    pongs.pushClient();
    pongs.pushClient();
    expect(pongs.lastSize).toBe(HEAD);
    expected.push("client client");
    expect(drain(pongs)).toBe(expected.join(" "));
    pongs.destroy();
  });

  it("is given back when a long queue has been answered", () => {
    const before = usedBytes();
    const pongs = new ExpectedPongs();
    for (let i = 0; i < 200; i++) pushName(pongs, "some.subject");
    drain(pongs);
    expect(usedBytes()).toBe(before);
    pongs.destroy();
  });

  it("takes a record that has just room in it, and else refuses it as a whole", () => {
    const before = usedBytes();
    // Records of 24 bytes each.
    const kinds = [Pong.PUBLISH_VIOLATION, Pong.QUEUE_VIOLATION, Pong.MAXIMUM];
    for (let i = 0; i < kinds.length; i++) {
      // The first memory has 64 bytes, and the budget has none for more.
      for (let filled = HEAD; filled <= 64; filled++) {
        const pongs = new ExpectedPongs();
        const name = "x".repeat(filled - HEAD);
        pushName(pongs, name);
        exhaust();
        const fits = filled + 24 <= 64;
        const kind = kinds[i];
        let pushed: bool;
        if (kind == Pong.PUBLISH_VIOLATION) pushed = pushName(pongs, "y".repeat(20));
        else if (kind == Pong.QUEUE_VIOLATION) pushed = pushQueue(pongs, "y".repeat(9), "z".repeat(7));
        else pushed = pongs.pushSubscription(kind, pointerTo("y".repeat(12)), 12, 1, 2);
        assert(pushed == fits, `kind ${<i32>kind} behind ${filled}`);
        expect(pongs.size).toBe(fits ? filled + 24 : filled);
        expect(pongs.lastSize).toBe(fits ? 24 : filled);
        expect(front(pongs)).toBe(`${<i32>Pong.PUBLISH_VIOLATION}[${name}][]`);
        relax();
        pongs.destroy();
      }
    }
    expect(usedBytes()).toBe(before);
  });

  it("is unchanged if the budget refuses another record, whether it was moved to the front or not", () => {
    const before = usedBytes();
    const pongs = new ExpectedPongs();
    for (let i = 0; i < 100; i++) pushName(pongs, "x".repeat(60));
    for (let i = 0; i < 98; i++) pongs.pop();
    exhaust();
    const huge = "y".repeat(20_000);
    expect(pushName(pongs, huge)).toBe(false);
    expect(pushQueue(pongs, huge, huge)).toBe(false);
    expect(pongs.size).toBe(2 * (HEAD + 60));
    expect(pongs.lastSize).toBe(HEAD + 60);
    const record = `${Pong.PUBLISH_VIOLATION}[${"x".repeat(60)}][]`;
    expect(drain(pongs)).toBe(`${record} ${record}`);
    relax();
    pongs.destroy();
    expect(usedBytes()).toBe(before);
  });
});
