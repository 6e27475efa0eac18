import { LONGEST, readable } from "../../assembly/bytes/padded";
import { utf8 } from "../../assembly/bytes/text";
import { NOT_BY_TOKENS, Tokens } from "../../assembly/nats/subject";
import { answerOf, NO_ANSWER, ruleOf } from "../../assembly/policy/answer";
import { forgetAnswers } from "../../assembly/policy/decision-cache";
import { EntryFlag } from "../../assembly/policy/matcher-entries";
import { NONE } from "../../assembly/policy/none";
import { renewSteps } from "../../assembly/policy/search-steps";
import { Permissions } from "../../assembly/policy/permissions";
import { Question } from "../../assembly/policy/question";
import { Reason } from "../../assembly/policy/reason";
import { SubjectClass } from "../../assembly/policy/subject-classes";
import { lengthOf, pointerTo } from "./bytes-support";
import { permissionsOf } from "./permissions-support";
import { Random } from "./random-support";

/** The remembered rule, or -9 if nothing is remembered. */
function recalled(question: Question, subject: string): i32 {
  const answer = question.recall(pointerTo(subject), lengthOf(subject));
  return answer == NO_ANSWER ? -9 : ruleOf(answer);
}

/** An answer is written down when it is given for the second time. */
function remember(question: Question, subject: string, looked: i32, rule: i32): void {
  const answer = answerOf(Reason.ALLOWED, rule, 0);
  for (let i = 0; i < 2; i++) question.remember(pointerTo(subject), lengthOf(subject), looked, answer);
}

/** For how many of this many beginnings an answer is found, which must be the right one. */
function foundBeginnings(question: Question, count: i32): i32 {
  let found = 0;
  for (let i = 0; i < count; i++) {
    const rule = recalled(question, `begin.${i}.y`);
    assert(rule == i || rule == -9, `begin.${i}: ${rule}`);
    if (rule == i) found++;
  }
  return found;
}

describe("an answer that was asked for last", () => {
  it("is the same when it is asked for again, even if its place has been given away", () => {
    const prefixes = ["some", "some.subject.of.more.than.32.bytes"];
    for (let k = 0; k < prefixes.length; k++) {
      const question = new Question();
      const other = new Question();
      const tokens = k == 0 ? 2 : 8;
      const subjects = 20_000;
      for (let i = 0; i < subjects; i++) remember(question, `${prefixes[k]}.${i}`, tokens, i);
      for (let i = 0; i < subjects; i++) {
        const subject = `${prefixes[k]}.${i}`;
        const rule = recalled(question, subject);
        assert(rule == i || rule == -9, `${subject}: ${rule}`);
        remember(other, `other.${subject}`, tokens + 1, subjects + i);
        const again = recalled(question, subject);
        assert(again == i || again == -9, `${subject} again: ${again}`);
        assert(rule == -9 || again == i, `${subject} was asked for last`);
      }
    }
  });

  it("does not count as seen twice if one message asks for it twice, whatever the length of the subject", () => {
    const subjects = ["some", "some.subject", "some.subject.of.more.than.32.bytes"];
    for (let i = 0; i < subjects.length; i++) {
      const question = new Question();
      const subject = subjects[i];
      const tokens = subject.split(".").length;
      const answer = answerOf(Reason.DENIED, 7, 0);
      question.remember(pointerTo(subject), lengthOf(subject), tokens, answer);
      assert(recalled(question, subject) == 7, `${subject}, asked again`);
      question.remember(pointerTo("another"), 7, 1, answer);
      assert(recalled(question, subject) == -9, `${subject}, seen once`);
      question.remember(pointerTo(subject), lengthOf(subject), tokens, answer);
      question.remember(pointerTo("another"), 7, 1, answer);
      assert(recalled(question, subject) == 7, `${subject}, seen twice`);
    }
  });

  it("does not count as seen twice for a question asked as if it were another's either", () => {
    const subjects = ["some", "some.subject", "some.subject.of.28.bytes.xxx"];
    for (let i = 0; i < subjects.length; i++) {
      const question = new Question();
      const pointer = pointerTo(subjects[i] + "#".repeat(32));
      const length = lengthOf(subjects[i]);
      assert(question.recallOther(pointer, length) == NO_ANSWER, `${subjects[i]}, not asked before`);
      question.remember(pointer, length, NOT_BY_TOKENS, answerOf(Reason.DENIED, 7, 0));
      assert(ruleOf(question.recallOther(pointer, length)) == 7, `${subjects[i]}, asked again`);
      question.remember(pointerTo("another"), 7, NOT_BY_TOKENS, answerOf(Reason.DENIED, 8, 0));
      assert(question.recallOther(pointer, length) == NO_ANSWER, `${subjects[i]}, seen once`);
    }
  });

  it("is not another subject's, however similar the two are", () => {
    for (let length = 1; length <= 64; length++) {
      const question = new Question();
      const subject = "s".repeat(length);
      remember(question, subject, 1, 7);
      expect(recalled(question, subject)).toBe(7);
      for (let at = 0; at < length; at++) {
        const other = subject.substring(0, at) + "t" + subject.substring(at + 1);
        assert(recalled(question, other) == -9, `another byte at ${at} of ${length}`);
      }
      expect(recalled(question, subject + "s")).toBe(-9);
      expect(recalled(question, subject + "\0")).toBe(-9);
      expect(recalled(question, subject.substring(1))).toBe(-9);
    }
  });

  it("is not that of another question about the same subject", () => {
    const one = new Question();
    const other = new Question();
    remember(one, "some.subject", 2, 7);
    expect(recalled(one, "some.subject")).toBe(7);
    expect(recalled(other, "some.subject")).toBe(-9);
    remember(other, "some.subject", 2, 8);
    expect(recalled(other, "some.subject")).toBe(8);
    expect(recalled(one, "some.subject")).toBe(7);
  });
});

describe("an answer that leading tokens decide", () => {
  it("holds for every subject that begins with them and goes on", () => {
    const question = new Question();
    remember(question, "_INBOX.abc.1", 1, 7);
    expect(recalled(question, "_INBOX.abc.2")).toBe(7);
    expect(recalled(question, "_INBOX.abd")).toBe(7);
    expect(recalled(question, "_INBOX.abc.2.3.4")).toBe(7);
    expect(recalled(question, "_INBOX." + "abc.".repeat(100) + "1")).toBe(7);
  });

  it("is recalled for every client's inboxes once it was given about one's", () => {
    const question = new Question();
    remember(question, "_INBOX.abc.1", 1, 7);
    for (let i = 0; i < 26; i++) {
      const inbox = "_INBOX." + String.fromCharCode(97 + i) + "bc.1";
      assert(recalled(question, inbox) == 7, inbox);
      assert(recalled(question, inbox + ".2".repeat(20)) == 7, `${inbox}, longer`);
    }
  });

  it("does not hold for a subject that ends there, begins otherwise or has an empty token, whatever its length", () => {
    const tails = ["", ".", ".a..b", ".a.", ".a.b" + ".c".repeat(20) + "..d", ".a" + ".b".repeat(20) + "."];
    const beginnings = ["orders.europe", "orders.europe-central-1.of-the-shop", "ab.cdefgh"];
    for (let i = 0; i < beginnings.length; i++) {
      const question = new Question();
      remember(question, beginnings[i] + ".a", 1 + beginnings[i].split(".").length - 1, 7);
      expect(recalled(question, beginnings[i] + ".b")).toBe(7);
      expect(recalled(question, beginnings[i] + ".b" + ".c".repeat(30))).toBe(7);
      for (let j = 0; j < tails.length; j++) {
        assert(recalled(question, beginnings[i] + tails[j]) == -9, beginnings[i] + tails[j]);
      }
      assert(recalled(question, "x" + beginnings[i] + ".a") == -9, "another beginning");
    }
  });

  it("is not found by a beginning that differs in any byte or in its length, however long it and the subject are", () => {
    const tails = [".tail."];
    for (let longer = 0; longer < 100; longer += 9) {
      tails.push(".tail-of-more-than-32-bytes-in-all" + "x".repeat(longer) + ".");
    }
    for (let length = 8; length <= 40; length++) {
      const question = new Question();
      const beginning = "b".repeat(length);
      remember(question, beginning + tails[0] + "1", 1, 7);
      for (let i = 0; i < tails.length; i++) {
        const tail = tails[i];
        const lengths = `${length} before ${tail.length}`;
        assert(recalled(question, beginning + tail + "2") == 7, lengths);
        // The first seven bytes show how many tokens decide. Other subjects would not be looked for by a beginning at all.
        for (let at = 7; at < length; at++) {
          const other = beginning.substring(0, at) + "c" + beginning.substring(at + 1);
          assert(recalled(question, other + tail + "2") == -9, `another byte at ${at} of ${lengths}`);
        }
        assert(recalled(question, beginning + "b" + tail + "2") == -9, `one byte more than ${lengths}`);
        assert(recalled(question, beginning + "\0" + tail + "2") == -9, `a zero more than ${lengths}`);
        assert(recalled(question, beginning.substring(1) + tail + "2") == -9, `one byte less than ${lengths}`);
        assert(recalled(question, beginning + tail) == -9, `an empty token at the end of ${lengths}`);
        assert(recalled(question, beginning + "." + tail + "2") == -9, `an empty token after ${lengths}`);
        assert(recalled(question, beginning + tail + "3") == 7, `${lengths} again`);
      }
    }
  });

  it("is the one of its own beginning when those of 15 to 32 bytes are recalled in turn", () => {
    const question = new Question();
    const lengths = [15, 16, 17, 32];
    const beginnings: string[] = [];
    for (let i = 0; i < lengths.length; i++) {
      beginnings.push("one.of." + "abcd".charAt(i).repeat(lengths[i] - 8) + ".");
      remember(question, beginnings[i] + "a", 3, i);
    }
    const tail = "tail-of-more-than-32-bytes-in-all";
    for (let i = 0; i < beginnings.length; i++) {
      for (let j = 0; j < beginnings.length; j++) {
        assert(recalled(question, beginnings[i] + tail) == i, `${lengths[i]} bytes`);
        assert(recalled(question, beginnings[j] + tail) == j, `${lengths[j]} bytes after ${lengths[i]}`);
      }
    }
  });

  it("is found again while there is room for twice as many, and beyond that is the right one if it is found", () => {
    const question = new Question();
    // The table grows, and its last size has to be filled again.
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 16_000; i++) remember(question, `begin.${i}.x`, 2, i);
    }
    // By chance one in 150 is the ninth of a set of eight.
    expect(foundBeginnings(question, 16_000)).toBeGreaterThan(15_800);
    for (let i = 0; i < 100_000; i++) remember(question, `begin.${i}.x`, 2, i);
    const found = foundBeginnings(question, 100_000);
    expect(found).toBeGreaterThan(31_000);
    expect(found).toBeLessThanOrEqual(32_768);
  });

  it("is kept for the whole subject if all tokens decide, or none as such", () => {
    const question = new Question();
    remember(question, "stock.abc.1", 3, 7);
    remember(question, "stock.abc.2", NOT_BY_TOKENS, 8);
    expect(recalled(question, "stock.abc.1")).toBe(7);
    expect(recalled(question, "stock.abc.2")).toBe(8);
    expect(recalled(question, "stock.abc.3")).toBe(-9);
  });

  it("is found for the whole subject even if others with the same first bytes are decided by fewer tokens", () => {
    const question = new Question();
    remember(question, "stock.abc.1", 1, 7);
    expect(recalled(question, "stock.abd.2")).toBe(7);
    // `remember` is called for what `recall` did not find, and another beginning with the same first eight bytes may be such.
    const beginnings = ["orders.aX", "orders.aY"];
    remember(question, beginnings[0] + ".1.2", 2, 8);
    remember(question, beginnings[1] + ".1", 3, 9);
    expect(recalled(question, beginnings[0] + ".3.4")).toBe(8);
    expect(recalled(question, beginnings[1] + ".1")).toBe(9);
  });

  it("is found as well as those that are kept whole under one beginning, in whatever order they come", () => {
    const tails = ["", ".of-the-shop-in-europe-central-1", ".of-the-shop.in-europe-central-1.at-the-market"];
    for (let i = 0; i < tails.length; i++) {
      const question = new Question();
      const deep = "orders.a" + tails[i];
      const whole = "orders.b" + tails[i];
      remember(question, deep + ".x.1", deep.split(".").length + 1, 7);
      remember(question, whole, whole.split(".").length, 8);
      for (let turn = 0; turn < 64; turn++) {
        // Each bit of a turn's number says which one is asked for.
        for (let bit = 0; bit < 6; bit++) {
          if ((turn >> bit) & 1) assert(recalled(question, `${deep}.x.${turn}`) == 7, `${deep} in turn ${turn}`);
          else assert(recalled(question, whole) == 8, `${whole} in turn ${turn}`);
        }
      }
      expect(recalled(question, "orders.c" + tails[i])).toBe(-9);
      expect(recalled(question, whole)).toBe(8);
      expect(recalled(question, deep + ".y.1")).toBe(-9);
      expect(recalled(question, deep + ".x.2")).toBe(7);
    }
  });

  it("is found by as many tokens as it needed, whatever others of its kind need", () => {
    const orders = [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
    ];
    for (let i = 0; i < orders.length; i++) {
      const question = new Question();
      for (let j = 0; j < 3; j++) {
        if (orders[i][j] == 0) remember(question, "payments.a.x.1", 3, 7);
        if (orders[i][j] == 1) remember(question, "payments.b.x.1", 2, 8);
        if (orders[i][j] == 2) remember(question, "payments.c.x.y.1", 4, 9);
      }
      expect(recalled(question, "payments.a.x.2")).toBe(7);
      expect(recalled(question, "payments.b.y")).toBe(8);
      expect(recalled(question, "payments.b.y.z.2")).toBe(8);
      expect(recalled(question, "payments.c.x.y.2.3")).toBe(9);
      expect(recalled(question, "payments.a.y.2")).toBe(-9);
      expect(recalled(question, "payments.c.x.2.3")).toBe(-9);
      expect(recalled(question, "payments.d.x.2")).toBe(-9);
    }
  });

  it("is about at most eight tokens, and otherwise about the whole subject", () => {
    const question = new Question();
    remember(question, "a.b.c.d.e.f.g.h.i.j", 8, 7);
    expect(recalled(question, "a.b.c.d.e.f.g.h.x.y")).toBe(7);
    remember(question, "z.b.c.d.e.f.g.h.i.j", 9, 8);
    expect(recalled(question, "z.b.c.d.e.f.g.h.i.y")).toBe(-9);
    expect(recalled(question, "z.b.c.d.e.f.g.h.i.j")).toBe(8);
  });
});

/** What nobody has asked yet: `leading` is the beginning of `subject` that an entry has. */
function foresee(question: Question, subject: string, leading: string, looked: i32, rule: i32): void {
  const at = readable(pointerTo(subject), min(lengthOf(subject), LONGEST));
  // It takes a free place only, and there may be none left.
  forgetAnswers();
  question.foresee(at, lengthOf(subject), looked, lengthOf(leading), answerOf(Reason.ALLOWED, rule, 0));
}

describe("an answer that nobody has asked for yet", () => {
  it("is known for every subject that begins with the tokens that decide, and for no other", () => {
    const beginnings = ["orders.", "orders.europe.", "orders.europe-central-1.", "orders.europe-central-1.shop-12."];
    for (let i = 0; i < beginnings.length; i++) {
      const question = new Question();
      const beginning = beginnings[i];
      foresee(question, beginning + "-", beginning, beginning.split(".").length - 1, 7);
      expect(recalled(question, beginning + "a")).toBe(7);
      expect(recalled(question, beginning + "a.b" + ".c".repeat(40))).toBe(7);
      expect(recalled(question, beginning.substring(0, beginning.length - 1))).toBe(-9);
      expect(recalled(question, beginning)).toBe(-9);
      expect(recalled(question, beginning + "a..b")).toBe(-9);
      expect(recalled(question, beginning.replace(".", "x."))).toBe(-9);
    }
  });

  it("is not remembered where other tokens decide than those of the entry, or none as such", () => {
    const looked: StaticArray<i32> = [1, 3, NOT_BY_TOKENS];
    for (let i = 0; i < looked.length; i++) {
      const question = new Question();
      foresee(question, "a.b.-", "a.b.", looked[i], 7);
      // Whatever else two tokens decide, which the first seven bytes of a subject tell.
      for (let j = 0; j < 1000; j++) remember(question, `a.c.${100 + j}.x`, 2, 8);
      for (let j = 0; j < 1000; j++) {
        assert(recalled(question, `a.b.${100 + j}.x`) == -9, `${looked[i]} tokens looked at`);
      }
    }
  });

  it("is not remembered for more than eight tokens", () => {
    const question = new Question();
    foresee(question, "a.b.c.d.e.f.g.h.i.-", "a.b.c.d.e.f.g.h.i.", 9, 7);
    expect(recalled(question, "a.b.c.d.e.f.g.h.i.x")).toBe(-9);
    foresee(question, "a.b.c.d.e.f.g.h.-", "a.b.c.d.e.f.g.h.", 8, 8);
    expect(recalled(question, "a.b.c.d.e.f.g.h.x")).toBe(8);
  });
});

/** Tokens that subjects are made of, then those of entries only. A token that only begins with a wildcard is not one. */
const WORDS: StaticArray<string> = ["alpha", "be", "gammagamma", "*a", "*", ">"];
const LITERAL_WORDS: i32 = 4;
const random: Random = new Random(20_241_124);

/** At most five of the first `words` words, with '>' only last. */
function subjectOf(words: i32): string {
  const count = 1 + random.below(5);
  let subject = "";
  for (let i = 0; i < count; i++) {
    let word = WORDS[random.below(words)];
    if (word == ">" && i < count - 1) word = "*";
    subject += (i > 0 ? "." : "") + word;
  }
  return subject;
}

function entries(): string {
  const list: string[] = [];
  const count = 1 + random.below(4);
  for (let i = 0; i < count; i++) list.push(`"${subjectOf(WORDS.length)}"`);
  return `[${list.join(",")}]`;
}

const tokens: Tokens = new Tokens();

/** Asks the lists themselves, which remember nothing. Returns the reason, and the rule that decided. */
function decidedNow(permissions: Permissions, subject: string): string {
  if (!tokens.split(pointerTo(subject), lengthOf(subject))) return `${Reason.NOT_ALLOWED} by ${NONE}`;
  const deny = permissions.publishDeny.find(tokens, EntryFlag.NONE);
  if (deny != NONE) return `${Reason.DENIED} by ${permissions.publishDeny.rule(deny)}`;
  const allow = permissions.publishAllow.find(tokens, EntryFlag.NONE);
  return allow != NONE
    ? `${Reason.ALLOWED} by ${permissions.publishAllow.rule(allow)}`
    : `${Reason.NOT_ALLOWED} by ${NONE}`;
}

/** Classes 2, 3 and 4 of some patterns each. */
function someClasses(): SubjectClass[] {
  const classes: SubjectClass[] = [];
  for (let place = 0; place < 3; place++) {
    const entry = new SubjectClass();
    entry.number = place + 2;
    for (let i = 0; i < 2; i++) entry.patterns.push(utf8(subjectOf(WORDS.length)));
    classes.push(entry);
  }
  return classes;
}

function receivesNow(permissions: Permissions, subject: string): bool {
  if (!tokens.split(pointerTo(subject), lengthOf(subject))) return false;
  return (
    permissions.subscribeAllow.find(tokens, EntryFlag.NONE) != NONE &&
    permissions.subscribeDeny.find(tokens, EntryFlag.NONE) == NONE
  );
}

/** May the peer receive on a subject with wildcards, on which it must be allowed everything from the first one on? */
function receivesFromWildcardNow(permissions: Permissions, subject: string): bool {
  const words = subject.split(".");
  let pattern = "";
  for (let i = 0; i < words.length && !words[i].includes("*") && !words[i].includes(">"); i++)
    pattern += words[i] + ".";
  pattern += ">";
  tokens.split(pointerTo(pattern), lengthOf(pattern));
  return (
    permissions.subscribeAllow.findCovering(tokens) != NONE &&
    permissions.subscribeDeny.findOverlap(tokens, false, 0, 0) == NONE
  );
}

describe("what is remembered of a policy", () => {
  it("is what its lists say, for any lists and in any order of subjects", () => {
    let allowed = 0;
    let wildReceived = 0;
    for (let policy = 0; policy < 150; policy++) {
      const acts: string[] = [];
      for (let rule = 0; rule < 2; rule++) {
        const publish = `"publish":{"allow":${entries()},"deny":${entries()}}`;
        acts.push(`${publish},"subscribe":{"allow":${entries()},"deny":${entries()}}`);
      }
      const permissions = permissionsOf(acts, someClasses());
      const classes = permissions.classes!;
      for (let i = 0; i < 200; i++) {
        let subject = subjectOf(LITERAL_WORDS);
        const odd = random.below(20);
        if (odd == 0) subject += ".";
        else if (odd == 1) subject = subject.replace(".", "..");
        else if (odd == 2) subject = "." + subject;
        const at = pointerTo(subject);
        const length = lengthOf(subject);
        const reason = permissions.publish(at, length);
        const decided = `${reason} by ${permissions.decidedBy}`;
        const subjectClass = permissions.subjectClass;
        assert(decided == decidedNow(permissions, subject), `${subject} under ${acts.join(" and ")}: ${decided}`);
        assert(subjectClass == classes.decide(at, length), `the class of ${subject}, published`);
        assert(permissions.classOf(at, length) == classes.decide(at, length), `the class of ${subject}`);
        if (!subject.includes("*")) {
          assert(permissions.receives(at, length) == receivesNow(permissions, subject), `${subject}, as a reply`);
        }
        const denied = tokens.split(at, length) && permissions.subscribeDeny.find(tokens, EntryFlag.NONE) != NONE;
        assert(permissions.deliveryDenied(at, length, 0, 0, true) == denied, `${subject}, delivered`);
        if (reason == Reason.ALLOWED) allowed++;
        const wild = subjectOf(WORDS.length);
        if (!wild.includes("*") && !wild.includes(">")) continue;
        renewSteps();
        const receives = permissions.receives(pointerTo(wild), lengthOf(wild));
        assert(
          receives == receivesFromWildcardNow(permissions, wild),
          `${wild}, as a reply under ${acts.join(" and ")}`,
        );
        if (receives) wildReceived++;
      }
    }
    expect(wildReceived).toBeGreaterThan(100);
    // Neither nearly all nor nearly none, because otherwise this would show little.
    expect(allowed).toBeGreaterThan(1000);
    expect(allowed).toBeLessThan(29_000);
  });
});
