import { isReservedPublish } from "../../assembly/nats/reserved";
import { allowsPublish, reasonOf } from "../../assembly/policy/answer";
import { EntryFlag } from "../../assembly/policy/matcher-entries";
import { NONE } from "../../assembly/policy/none";
import { Permissions } from "../../assembly/policy/permissions";
import { PermissionsInMaking } from "../../assembly/policy/permissions-in-making";
import { Reason } from "../../assembly/policy/reason";
import { lengthOf, pointerTo, textAt } from "./bytes-support";
import { permissionsOf, publish } from "./permissions-support";

function allowsWith(permissions: Permissions, subject: string, flags: i32): bool {
  return permissions.publishAllowsWith(pointerTo(subject), lengthOf(subject), flags);
}

function receives(permissions: Permissions, subject: string): bool {
  return permissions.receives(pointerTo(subject), lengthOf(subject));
}

describe("publishing", () => {
  it("is permitted by an allow entry, and by nothing else", () => {
    const permissions = permissionsOf(['"publish":{"allow":["a.*","b.>"]}']);
    expect(publish(permissions, "a.x")).toBe("allowed by 0");
    expect(publish(permissions, "b.x.y")).toBe("allowed by 0");
    expect(publish(permissions, "b")).toBe("not_allowed");
    expect(publish(permissions, "a.x.y")).toBe("not_allowed");
    expect(publish(permissions, "A.x")).toBe("not_allowed");
    expect(publish(permissions, "")).toBe("not_allowed");
    permissions.destroy();
  });

  it("takes wildcards in the subject literally, as nats-server does", () => {
    const permissions = permissionsOf(['"publish":{"allow":["foo.*","bar.>"],"deny":["foo.bar"]}']);
    expect(publish(permissions, "foo.*")).toBe("allowed by 0");
    expect(publish(permissions, "foo.>")).toBe("allowed by 0");
    expect(publish(permissions, "bar.*")).toBe("allowed by 0");
    expect(publish(permissions, ">")).toBe("not_allowed");
    permissions.destroy();
  });

  it("to JetStream's API takes wildcards as the pattern that they are there: inside an entry, and over no deny", () => {
    const permissions = permissionsOf([
      '"publish":{"allow":["$JS.API.DIRECT.GET.S.>","$JS.API.CONSUMER.CREATE.S.*.orders.*"]}',
      '"publish":{"deny":["$JS.API.DIRECT.GET.S.orders.admin.>"]}',
    ]);
    const get = "$JS.API.DIRECT.GET.S.";
    const create = "$JS.API.CONSUMER.CREATE.S.c.";
    // Twice, because answers are remembered when they are given for the second time.
    for (let i = 0; i < 3; i++) {
      expect(publish(permissions, get + "orders.eu")).toBe("allowed by 0");
      expect(publish(permissions, get + "bills.>")).toBe("allowed by 0");
      // With an empty token behind its wildcard it matches nothing, as anywhere.
      expect(publish(permissions, get + "bills.*..x")).toBe("not_allowed");
      expect(publish(permissions, get + "orders.*")).toBe("allowed by 0");
      expect(publish(permissions, get + "orders.*.x")).toBe("denied by 1");
      expect(publish(permissions, get + "orders.>")).toBe("denied by 1");
      expect(publish(permissions, get + "*.admin.x")).toBe("denied by 1");
      expect(publish(permissions, get + ">")).toBe("denied by 1");
      expect(publish(permissions, get + "orders.admin.*")).toBe("denied by 1");
      expect(publish(permissions, create + "orders.eu")).toBe("allowed by 0");
      expect(publish(permissions, create + "orders.*")).toBe("allowed by 0");
      expect(publish(permissions, create + "orders.>")).toBe("not_allowed");
      expect(publish(permissions, create + "*.eu")).toBe("not_allowed");
      // Nobody reads a subject that begins otherwise as a pattern.
      expect(publish(permissions, "$JSX.API.*")).toBe("not_allowed");
    }
    permissions.destroy();
    const all = permissionsOf(['"publish":{"allow":"ALL","deny":["$JS.API.DIRECT.GET.S.secret"]}']);
    expect(publish(all, get + "*")).toBe("denied by 0");
    expect(publish(all, get + "open.*")).toBe("allowed by 0");
    expect(publish(all, "OTHER.API.DIRECT.GET.S.*")).toBe("allowed by 0");
    all.destroy();
  });

  it("to JetStream's API is denied where that finds more by the pattern than it matches, whatever was decided before", () => {
    const permissions = permissionsOf([
      '"publish":{"allow":["$JS.API.DIRECT.GET.S.>","$JS.hub.API.>","$JS.ACK.>"]}',
      '"publish":{"deny":["$JS.API.DIRECT.GET.S.orders.admin.secret"]}',
    ]);
    const requests = ["$JS.API.DIRECT.GET.S.", "$JS.hub.API.DIRECT.GET.S."];
    // Answers are remembered for all subjects that begin alike, when they are given for the second time.
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < requests.length; j++) {
        const get = requests[j];
        expect(publish(permissions, get + "orders.eu." + i.toString())).toBe("allowed by 0");
        expect(publish(permissions, get + "bills." + i.toString())).toBe("allowed by 0");
        expect(publish(permissions, get + "bills.>.>")).toBe("denied by 1");
        expect(publish(permissions, get + "orders.eu.>.>")).toBe("denied by 1");
        expect(publish(permissions, get + ">.x")).toBe("denied by 1");
        expect(publish(permissions, get + "orders.*.secr>")).toBe("denied by 1");
        expect(publish(permissions, get + "*.*.s*")).toBe("denied by 1");
        expect(publish(permissions, get + "bills.*.s*")).toBe("allowed by 0");
        expect(publish(permissions, get + "bills.*.x")).toBe("allowed by 0");
        // Without a wildcard beside it, JetStream takes it for itself.
        expect(publish(permissions, get + "orders.admin.secr>")).toBe("allowed by 0");
      }
    }
    permissions.destroy();
    const narrow = permissionsOf(['"publish":{"allow":["$JS.API.DIRECT.GET.S.orders.>","$JS.API.DIRECT.GET.T.>"]}']);
    for (let i = 0; i < 4; i++) {
      expect(publish(narrow, "$JS.API.DIRECT.GET.S.orders." + i.toString())).toBe("allowed by 0");
      expect(publish(narrow, "$JS.API.DIRECT.GET.S.orders.>.>")).toBe("not_allowed");
      expect(publish(narrow, "$JS.API.DIRECT.GET.S.orders.*.x>")).toBe("allowed by 0");
      expect(publish(narrow, "$JS.API.DIRECT.GET.T." + i.toString())).toBe("allowed by 0");
      expect(publish(narrow, "$JS.API.DIRECT.GET.T.orders.>.>")).toBe("allowed by 0");
    }
    narrow.destroy();
  });

  it("leaves the bytes of the subject as they are, which are sent on", () => {
    const permissions = permissionsOf([
      '"publish":{"allow":["$JS.API.DIRECT.GET.S.>"],"deny":["$JS.API.DIRECT.GET.S.orders.admin"]}',
    ]);
    const subjects = ["bills.*.s*", "bills.>.>", "orders.*.secr>", "orders.*"];
    for (let i = 0; i < subjects.length; i++) {
      const subject = "$JS.API.DIRECT.GET.S." + subjects[i];
      const pointer = pointerTo(subject);
      permissions.publish(pointer, lengthOf(subject));
      expect(textAt(pointer, lengthOf(subject))).toBe(subject);
    }
    permissions.destroy();
  });

  it("is denied with a domain of JetStream as without, since nats-server takes that out, whatever was decided before", () => {
    const permissions = permissionsOf([
      '"publish":{"allow":[">"],"deny":["orders.a","$KV.secret.>","$JS.API.STREAM.PURGE.>","$JS.API.DIRECT.GET.S.a.b","$KV.b.k","$OBJ.b.>","$OBJ"]}',
    ]);
    for (let i = 0; i < 3; i++) {
      expect(publish(permissions, `$JS.hub.API.STREAM.INFO.S${i}`)).toBe("allowed by 0");
      expect(publish(permissions, "$JS.hub.API.STREAM.PURGE.S")).toBe("denied by 0");
      expect(publish(permissions, "$JS.API.STREAM.PURGE.S")).toBe("denied by 0");
      expect(publish(permissions, "$JS.hub.API.DIRECT.GET.S.a.b")).toBe("denied by 0");
      expect(publish(permissions, "$JS.hub.API.DIRECT.GET.S.*.b")).toBe("denied by 0");
      expect(publish(permissions, "$JS.hub.API.DIRECT.GET.S.*.c")).toBe("allowed by 0");
      expect(publish(permissions, `$JS.hub.API.$KV.open.${i}`)).toBe("allowed by 0");
      expect(publish(permissions, `$JS.hub.API.$KV.secret.${i}`)).toBe("denied by 0");
      expect(publish(permissions, "$JS.leaf.API.$KV.b.k")).toBe("denied by 0");
      expect(publish(permissions, "$KV.b.k")).toBe("denied by 0");
      expect(publish(permissions, "$JS.hub.API.$OBJ.b.C.x")).toBe("denied by 0");
      expect(publish(permissions, "$JS.hub.API.$OBJ")).toBe("allowed by 0");
      expect(publish(permissions, "$JS.hub.API.orders.a")).toBe("allowed by 0");
    }
    permissions.destroy();
    const shortest = permissionsOf(['"publish":{"allow":[">"],"deny":["$KV.>"]}']);
    expect(publish(shortest, "$JS.hub.API.$KV.b.k")).toBe("denied by 0");
    expect(publish(shortest, "$JS.hub.API.INFO")).toBe("allowed by 0");
    shortest.destroy();
    const wildcard = permissionsOf(['"publish":{"allow":[">"],"deny":["$JS.*.STREAM.PURGE.>","$JS.*.*"]}']);
    for (let i = 0; i < 3; i++) {
      expect(publish(wildcard, "$JS.API.STREAM.PURGE.S")).toBe("denied by 0");
      expect(publish(wildcard, "$JS.hub.API.STREAM.PURGE.S")).toBe("denied by 0");
      expect(publish(wildcard, "$JS.hub.API.STREAM.INFO.S")).toBe("allowed by 0");
      expect(publish(wildcard, "$JS.hub.API.INFO")).toBe("denied by 0");
      expect(publish(wildcard, `$JS.hub.API.a.${i}`)).toBe("allowed by 0");
    }
    wildcard.destroy();
    const subscriber = permissionsOf(['"subscribe":{"allow":["$JS.>"],"deny":["$JS.API.INFO"]}']);
    expect(receives(subscriber, "$JS.hub.API.INFO")).toBe(true);
    subscriber.destroy();
  });

  it("is denied by a list of entries as long as they may be, some of which a domain makes longer", () => {
    const longest = "$KV" + ".a".repeat(255);
    const permissions = permissionsOf([`"publish":{"allow":[">"],"deny":["${longest}","b"]}`]);
    const begins = "$JS.hub.API.$KV" + ".a".repeat(252);
    for (let i = 0; i < 3; i++) {
      expect(publish(permissions, longest)).toBe("denied by 0");
      expect(publish(permissions, "$JS.hub.API." + longest)).toBe("denied by 0");
      expect(publish(permissions, "$JS.leaf.API." + longest)).toBe("denied by 0");
      expect(publish(permissions, `${begins}.>`)).toBe("denied by 0");
      expect(publish(permissions, `${begins}.${i}`)).toBe("allowed by 0");
      expect(publish(permissions, begins)).toBe("allowed by 0");
      expect(publish(permissions, "b")).toBe("denied by 0");
      expect(publish(permissions, "a")).toBe("allowed by 0");
    }
    permissions.destroy();
  });

  it("with a wildcard after a token that begins with one must fit both readings, whatever was decided before", () => {
    const permissions = permissionsOf([
      '"publish":{"allow":["$JS.API.>"],"deny":["$JS.API.CONSUMER.CREATE.S.*.orders.admin.>"]}',
    ]);
    const create = "$JS.API.CONSUMER.CREATE.S.c.";
    for (let i = 0; i < 6; i++) {
      // Without another wildcard, JetStream reads it literally.
      expect(publish(permissions, create + "orders.*q." + i.toString())).toBe("allowed by 0");
      expect(publish(permissions, create + "*q." + i.toString())).toBe("allowed by 0");
      expect(publish(permissions, create + "orders.*q.>")).toBe("denied by 0");
      expect(publish(permissions, create + "*q.>")).toBe("denied by 0");
      expect(publish(permissions, create + "*q.*.x")).toBe("denied by 0");
    }
    permissions.destroy();
  });

  it("with a wildcard after a token that begins with one must fit both readings before any stream is named too", () => {
    const permissions = permissionsOf(['"publish":{"allow":["$JS.>"],"deny":["$JS.API.STREAM.NAMES"]}']);
    for (let i = 0; i < 6; i++) {
      expect(publish(permissions, "$JS.*PI.STREAM." + i.toString())).toBe("allowed by 0");
      expect(publish(permissions, "$JS.*PI.STREAM.*")).toBe("denied by 0");
    }
    permissions.destroy();
    // Here that token is the last one that decides.
    const shorter = permissionsOf(['"publish":{"allow":["$JS.>"],"deny":["$JS.ACK.S"]}']);
    for (let i = 0; i < 6; i++) {
      expect(publish(shorter, "$JS.*CK." + i.toString())).toBe("allowed by 0");
      expect(publish(shorter, "$JS.*CK.*")).toBe("denied by 0");
    }
    shorter.destroy();
  });

  it("with a token that begins with a wildcard is denied if a deny entry may cover it, whatever was decided before", () => {
    const permissions = permissionsOf(['"publish":{"allow":[">"],"deny":["c","*.b","*a.>b.*"]}']);
    for (let i = 0; i < 6; i++) {
      expect(publish(permissions, "$JS.API." + i.toString())).toBe("allowed by 0");
      expect(publish(permissions, "$JS.API.*")).toBe("denied by 0");
    }
    permissions.destroy();
  });

  it("on a pattern of JetStream's API is refused, by no rule, if the search for a deny in it is given up", () => {
    const denies: string[] = [];
    for (let i = 0; i < 1100; i++) denies.push(`"$JS.API.a${i}.b"`);
    const permissions = permissionsOf([`"publish":{"allow":[">"],"deny":[${denies.join(",")}]}`]);
    // No deny lies in it, which only a complete search can know.
    expect(publish(permissions, "$JS.API.*.c")).toBe("denied");
    expect(publish(permissions, "$JS.API.a1.*")).toBe("denied by 0");
    expect(publish(permissions, "$JS.API.c.*")).toBe("allowed by 0");
    permissions.destroy();
  });

  it("is refused by a deny entry of any rule, whatever the others allow", () => {
    const permissions = permissionsOf(['"publish":{"allow":["a.>"]}', '"publish":{"deny":["a.secret.>"]}']);
    expect(publish(permissions, "a.b")).toBe("allowed by 0");
    expect(publish(permissions, "a.secret.b")).toBe("denied by 1");
    expect(publish(permissions, "a.secret")).toBe("allowed by 0");
    expect(publish(permissions, "c")).toBe("not_allowed");
    permissions.destroy();
  });

  it("to a subject with an empty token is allowed by no entry", () => {
    const permissions = permissionsOf(['"publish":{"allow":[">"],"deny":["x"]}']);
    const malformed = ["a..b", ".", "a.", ".a"];
    for (let i = 0; i < malformed.length; i++) expect(publish(permissions, malformed[i])).toBe("not_allowed");
    permissions.destroy();
  });

  it("on a subject that nats-server keeps for itself is allowed by the lists, but never without further checks", () => {
    const subjects = ["_GR_", "_GR_.", "_GR_.x", "_GR_..", "$GR", "$GR.", "$GR.x", "$GR.y", "$GR.x.y", "$GR..y"];
    const others = [
      "$NRG",
      "$NRG.",
      "$NRG.x",
      "$NRG.x.y",
      "$NRG..y",
      "_GRX.x",
      "$GRX.x",
      "_R_.x",
      "$JS.ACK.x",
      "a.$NRG.x",
    ];
    const all = subjects.concat(others);
    const allows = [
      '"publish":{"allow":[">"]}',
      '"publish":{"allow":["_GR_.>","$GR.>","$NRG.>"]}',
      '"publish":{"allow":"ALL"}',
    ];
    for (let i = 0; i < allows.length; i++) {
      const permissions = permissionsOf([allows[i]]);
      // Each before and after each other one, and remembered.
      for (let j = 0; j < all.length * all.length * 2; j++) {
        const subject = all[j % 2 == 0 ? (j >> 1) % all.length : j / all.length / 2];
        const pointer = pointerTo(subject);
        const length = lengthOf(subject);
        const answer = permissions.publishAnswer(pointer, length);
        const plain = reasonOf(answer) == Reason.ALLOWED && !isReservedPublish(pointer, length);
        assert(allowsPublish(answer) == plain, `${subject}, rule ${allows[i]}`);
        assert(permissions.publish(pointer, length) == reasonOf(answer), subject);
      }
      permissions.destroy();
    }
  });

  it("to anything at all is allowed by ALL, which a deny still narrows", () => {
    const permissions = permissionsOf(['"publish":{"deny":["x.>"]}', '"publish":{"allow":"ALL"}']);
    expect(publish(permissions, "a..b")).toBe("allowed by 1");
    expect(publish(permissions, "")).toBe("allowed by 1");
    expect(publish(permissions, "foo")).toBe("allowed by 1");
    expect(publish(permissions, "x.y")).toBe("denied by 0");
    // No entry matches it, so none denies it. It is delivered to nobody.
    expect(publish(permissions, "x..y")).toBe("allowed by 1");
    permissions.destroy();
  });

  it("is decided alike when it is asked again, in between others, and for long subjects", () => {
    const permissions = permissionsOf(['"publish":{"allow":["a.>"],"deny":["a.b.>"]}']);
    const long = "a." + "x".repeat(100);
    const denied = "a.b." + "x".repeat(100);
    for (let i = 0; i < 3; i++) {
      expect(publish(permissions, "a.x")).toBe("allowed by 0");
      expect(publish(permissions, "a.b.x")).toBe("denied by 0");
      expect(publish(permissions, "c")).toBe("not_allowed");
      expect(publish(permissions, long)).toBe("allowed by 0");
      expect(publish(permissions, denied)).toBe("denied by 0");
    }
    permissions.destroy();
  });

  it("is decided for each set of rules by itself", () => {
    const one = permissionsOf(['"publish":{"allow":["a"]}']);
    const other = permissionsOf(['"publish":{"allow":["b"]}']);
    for (let i = 0; i < 3; i++) {
      expect(publish(one, "a")).toBe("allowed by 0");
      expect(publish(other, "a")).toBe("not_allowed");
      expect(publish(one, "b")).toBe("not_allowed");
      expect(publish(other, "b")).toBe("allowed by 0");
    }
    one.destroy();
    other.destroy();
  });
});

describe("what a rule adds to being allowed", () => {
  it("holds only for the subjects of that rule", () => {
    const permissions = permissionsOf([
      '"publish":{"allow":["a.>"]}',
      '"publish":{"allow":["a.b"]},"replies":"ANY"',
      '"publish":{"allow":["a.c"]},"rollup":"ALL"',
    ]);
    expect(allowsWith(permissions, "a.b", EntryFlag.REPLIES_ANY)).toBe(true);
    expect(allowsWith(permissions, "a.c", EntryFlag.REPLIES_ANY)).toBe(false);
    expect(allowsWith(permissions, "a.c", EntryFlag.ROLLUP_ALL)).toBe(true);
    expect(allowsWith(permissions, "a.x", EntryFlag.ROLLUP_ALL)).toBe(false);
    expect(allowsWith(permissions, "a.x", EntryFlag.NONE)).toBe(true);
    expect(allowsWith(permissions, "a..b", EntryFlag.NONE)).toBe(false);
    permissions.destroy();
  });

  it("holds for everything if the rule allows ALL", () => {
    const permissions = permissionsOf(['"publish":{"allow":"ALL"},"replies":"ANY"']);
    expect(allowsWith(permissions, "a..b", EntryFlag.REPLIES_ANY)).toBe(true);
    expect(allowsWith(permissions, "a", EntryFlag.ROLLUP_ALL)).toBe(false);
    permissions.destroy();
  });

  it("is united over several rules with ALL", () => {
    const permissions = permissionsOf([
      '"publish":{"allow":"ALL"}',
      '"publish":{"allow":"ALL"},"replies":"ANY"',
      '"publish":{"allow":"ALL"},"rollup":"ALL"',
    ]);
    expect(permissions.publishAllBy).toBe(0);
    expect(allowsWith(permissions, "a", EntryFlag.REPLIES_ANY)).toBe(true);
    expect(allowsWith(permissions, "a", EntryFlag.ROLLUP_ALL)).toBe(true);
    permissions.destroy();
    const subscriber = permissionsOf(['"subscribe":{"allow":"ALL"}', '"subscribe":{"allow":"ALL"}']);
    expect(subscriber.subscribeAllBy).toBe(0);
    subscriber.destroy();
  });
});

describe("a subject on which a peer itself receives", () => {
  it("is one that it may subscribe to without queue", () => {
    const permissions = permissionsOf(['"subscribe":{"allow":["_INBOX.me.>","jobs workers"],"deny":["_INBOX.me.no"]}']);
    expect(receives(permissions, "_INBOX.me.1")).toBe(true);
    expect(receives(permissions, "_INBOX.me.no")).toBe(false);
    expect(receives(permissions, "_INBOX.you.1")).toBe(false);
    expect(receives(permissions, "jobs")).toBe(false);
    expect(receives(permissions, "_INBOX.me..1")).toBe(false);
    permissions.destroy();
  });

  it("has wildcards, or one within a token, only if everything from there on is allowed and nothing of it denied", () => {
    const permissions = permissionsOf(['"subscribe":{"allow":["data.*","orders.>","*.all.*"],"deny":["orders.no"]}']);
    for (let i = 0; i < 2; i++) {
      expect(receives(permissions, "data.1")).toBe(true);
      expect(receives(permissions, "data.*")).toBe(false);
      expect(receives(permissions, "data.>")).toBe(false);
      expect(receives(permissions, "data.->")).toBe(false);
      expect(receives(permissions, "orders.1")).toBe(true);
      expect(receives(permissions, "orders.x*")).toBe(false);
      expect(receives(permissions, "orders.>")).toBe(false);
      expect(receives(permissions, "orders.in.*")).toBe(true);
      expect(receives(permissions, "orders.in.>")).toBe(true);
      expect(receives(permissions, "orders.in.a>.x")).toBe(true);
      expect(receives(permissions, "*.no")).toBe(false);
      expect(receives(permissions, "*")).toBe(false);
      expect(receives(permissions, ">")).toBe(false);
      expect(receives(permissions, "x.all.x")).toBe(true);
      expect(receives(permissions, "*.all.x")).toBe(false);
      expect(receives(permissions, "*a.all.x")).toBe(false);
    }
    permissions.destroy();
    const everything = permissionsOf(['"subscribe":{"allow":[">"]}']);
    expect(receives(everything, ">")).toBe(true);
    expect(receives(everything, "*a.b")).toBe(true);
    everything.destroy();
  });

  it("is any that no entry denies if subscribe allows ALL, except that a deny for one queue does not count", () => {
    const permissions = permissionsOf(['"subscribe":{"allow":"ALL","deny":["secret","jobs workers"]}']);
    expect(receives(permissions, "anything")).toBe(true);
    expect(receives(permissions, "secret")).toBe(false);
    expect(receives(permissions, "jobs")).toBe(true);
    expect(receives(permissions, "a..b")).toBe(false);
    permissions.destroy();
  });
});

describe("a peer", () => {
  it("may do something if any rule allows something, even if only a response", () => {
    const acts = [
      '"publish":{"allow":["a"]}',
      '"publish":{"allow":"ALL"}',
      '"subscribe":{"allow":["a"]}',
      '"subscribe":{"allow":"ALL"}',
      '"allow_responses":true',
    ];
    for (let i = 0; i < acts.length; i++) {
      const permissions = permissionsOf([acts[i]]);
      expect(permissions.allowsSomething).toBe(true);
      permissions.destroy();
    }
  });

  it("may do nothing with only denies", () => {
    const permissions = permissionsOf(['"publish":{"deny":["a"]},"subscribe":{"deny":["a"]}']);
    expect(permissions.allowsSomething).toBe(false);
    expect(permissions.hasSubscribeDeny).toBe(true);
    expect(publish(permissions, "b")).toBe("not_allowed");
    permissions.destroy();
    const none = new Permissions(0, new PermissionsInMaking(), null);
    expect(none.allowsSomething).toBe(false);
    expect(none.hasSubscribeDeny).toBe(false);
    none.destroy();
  });

  it("has one limit of responses for all rules that grant the same", () => {
    const permissions = permissionsOf([
      '"allow_responses":true',
      '"allow_responses":{"max":1,"expires":"2m"}',
      '"allow_responses":{"max":2,"expires":"2m"}',
      '"allow_responses":{"max":1,"expires":"1m"}',
      '"allow_responses":true,"replies":"ANY"',
    ]);
    expect(permissions.responseCount).toBe(4);
    expect(permissions.response(0).rule).toBe(0);
    expect(permissions.response(0).max).toBe(1);
    expect(permissions.response(0).expires).toBe(120_000);
    expect(permissions.response(1).rule).toBe(2);
    expect(permissions.response(2).expires).toBe(60_000);
    expect(permissions.response(3).repliesAny).toBe(true);
    permissions.destroy();
  });

  it("has no rule that decided if none did", () => {
    const permissions = permissionsOf(['"publish":{"allow":["a"]}']);
    publish(permissions, "a");
    expect(permissions.decidedBy).toBe(0);
    publish(permissions, "b");
    expect(permissions.decidedBy).toBe(NONE);
    permissions.destroy();
  });
});
