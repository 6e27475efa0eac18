import { Permissions } from "../../assembly/policy/permissions";
import { lengthOf, pointerTo } from "./bytes-support";
import { keptBack, permissionsOf, subscribe } from "./permissions-support";

function list(entries: string): string {
  return entries == "" ? "[]" : '["' + entries.split(",").join('","') + '"]';
}

/** One rule with these comma-separated entries. */
function oneRule(allow: string, deny: string): Permissions {
  const denied = deny == "" ? "" : `,"deny":${list(deny)}`;
  return permissionsOf([`"subscribe":{"allow":${list(allow)}${denied}}`]);
}

/** Each case: allow | deny | subject and queue. */
function expectAll(cases: string[], expected: string): void {
  for (let i = 0; i < cases.length; i++) {
    const parts = cases[i].split("|");
    const permissions = oneRule(parts[0], parts[1]);
    assert(subscribe(permissions, parts[2]).startsWith(expected), cases[i]);
    permissions.destroy();
  }
}

function needsFilter(permissions: Permissions, subject: string, queued: bool): bool {
  return permissions.needsDeliveryFilter(pointerTo(subject), lengthOf(subject), queued);
}

// Checked with canSubscribe of nats-server v2.15.2 and the same lists. Most are from its TestQueueSubscribePermissions.
describe("a subscription under one rule", () => {
  it("is allowed if nats-server allows it", () => {
    expectAll(
      [
        "foo||foo",
        "foo bar||foo bar",
        "foo bar.*||foo bar.fizz",
        "> bar.>||whizz bar.bang",
        ">|foo|bar",
        "> v1.>||foo v1.prod",
        ">|> >|foo",
        ">|> *.dev,> *.stg|foo bar",
        "> *.dev,> *.stg||foo x.stg",
        "foo||foo bar",
        ">|admin.>,> restricted|other workers",
        "foo,foo bar||foo bar",
        "foo,foo bar||foo",
        "foo,fizz bar||foo other",
        "foo *q||foo *q",
        "foo *q.*||foo zzz.a",
        "foo *||foo *",
        "foo >||foo >",
        "foo >||foo a..b",
        "foo.*||foo.*",
        ">|foo.bar|foo.*",
      ],
      "allowed by 0",
    );
  });

  it("is refused if no allow entry of nats-server's admits it", () => {
    expectAll(
      [
        "foo bar||foo",
        "> bar.>||whizz",
        "> *.dev,> *.stg||foo bar",
        "foo bar||foo fizz",
        "foo,foo bar||foo other",
        "foo,> bar||foo other",
        "foo *q||foo aq",
        "foo *q.*||foo *.a",
        "foo *||foo >",
        "foo *||foo a.b",
        "foo a.>||foo a",
        "foo A||foo a",
        ">||foo..bar",
        ">||foo..bar q",
        ">||.",
      ],
      "not_allowed",
    );
  });

  it("is refused if a deny entry of nats-server's refuses it", () => {
    expectAll(
      [
        ">|foo|foo bar",
        ">|foo|foo",
        ">|>|foo bar",
        ">|> >|foo bar",
        ">|> *.dev,> *.stg|foo a.stg",
        ">|foo >|foo bar",
        ">|admin.>,> restricted|admin.secret workers",
        ">|admin.>,> restricted|other restricted",
        ">|foo.*|foo.>",
      ],
      "denied by 0",
    );
  });

  it("must lie inside an entry, even if nats-server would let it reach further", () => {
    expectAll(["foo.*||foo.>", "*||>", "*.*||foo.>", "foo.* q||foo.> q", "foo.*||foo.> q"], "not_allowed");
  });

  it("with queue is refused if its wildcards overlap a deny, because a silent member would swallow messages", () => {
    expectAll(
      [">|foo.bar|foo.* q", ">|foo.bar|> q", ">|foo.bar q|foo.* q", ">|foo.bar q.*|*.bar q.x"],
      "queue_over_deny by 0",
    );
    expectAll(
      [">|foo.bar r|foo.* q", ">|foo.bar|bar.* q", ">|foo.bar|foo.baz q", ">|foo.bar|foo.>.bar q"],
      "allowed by 0",
    );
  });

  it("with queue is refused, by no rule, if the search for an overlap is given up", () => {
    const denies: string[] = [];
    for (let i = 0; i < 1100; i++) denies.push(`a${i}.b`);
    const permissions = oneRule(">", denies.join(","));
    expect(subscribe(permissions, "*.c q")).toBe("queue_over_deny");
    expect(subscribe(permissions, "*.c")).toBe("allowed by 0");
    permissions.destroy();
  });

  it("with the queue of the system is always refused", () => {
    expectAll([">||foo _sys_", "foo _sys_||foo _sys_", ">|foo|foo _sys_"], "reserved");
    expectAll([">||foo _sys", ">||foo _sys_x", ">||foo _SYS_"], "allowed by 0");
    const everything = permissionsOf(['"subscribe":{"allow":"ALL"}']);
    expect(subscribe(everything, "foo _sys_")).toBe("reserved");
    expect(subscribe(everything, "a..b _sys_")).toBe("reserved");
    everything.destroy();
  });

  it("by which a server would take another one for itself is always refused", () => {
    expectAll([">||$LDS.a", ">||$LDS.a q", ">||$LDS.>", "$LDS.a||$LDS.a", ">|$LDS.a|$LDS.a"], "reserved");
    expectAll([">||$LDS", ">||$lds.a", ">||$LDSX.a", ">||a.$LDS.a", ">||*.a", ">||>"], "allowed by 0");
    const everything = permissionsOf(['"subscribe":{"allow":"ALL"}']);
    expect(subscribe(everything, "$LDS.a")).toBe("reserved");
    everything.destroy();
  });
});

describe("a subscription under several rules", () => {
  it("is judged within each: the queues of one rule do not narrow another", () => {
    const permissions = permissionsOf(['"subscribe":{"allow":["foo bar"]}', '"subscribe":{"allow":["foo"]}']);
    expect(subscribe(permissions, "foo")).toBe("allowed by 1");
    expect(subscribe(permissions, "foo other")).toBe("allowed by 1");
    expect(subscribe(permissions, "foo bar").startsWith("allowed")).toBe(true);
    permissions.destroy();
  });

  it("is not made of two halves: a plain entry of one rule does not help if its own rule names queues", () => {
    const permissions = permissionsOf(['"subscribe":{"allow":["foo","> bar"]}', '"subscribe":{"allow":["> fizz"]}']);
    expect(subscribe(permissions, "foo bar")).toBe("allowed by 0");
    expect(subscribe(permissions, "foo fizz")).toBe("allowed by 1");
    expect(subscribe(permissions, "foo other")).toBe("not_allowed");
    // Nothing is left over from one question to the next.
    expect(subscribe(permissions, "foo other")).toBe("not_allowed");
    expect(subscribe(permissions, "foo bar")).toBe("allowed by 0");
    permissions.destroy();
  });

  it("is also held to a queue by an entry that matches it only literally", () => {
    // The rule's own `foo.* bar` matches `foo.>`, which is nats-server's check. Its `foo.>` contains it, which is our check.
    const permissions = permissionsOf(['"subscribe":{"allow":["foo.* bar","foo.>"]}']);
    expect(subscribe(permissions, "foo.> other")).toBe("not_allowed");
    expect(subscribe(permissions, "foo.> bar")).toBe("not_allowed");
    expect(subscribe(permissions, "foo.>")).toBe("allowed by 0");
    permissions.destroy();
  });

  it("is refused by a deny of any of them", () => {
    const permissions = permissionsOf(['"subscribe":{"allow":[">"]}', '"subscribe":{"deny":["foo.>","bar q"]}']);
    expect(subscribe(permissions, "foo.a")).toBe("denied by 1");
    expect(subscribe(permissions, "bar q")).toBe("denied by 1");
    expect(subscribe(permissions, "bar")).toBe("allowed by 0");
    permissions.destroy();
  });

  it("is allowed by ALL, even if it is malformed: nats-server answers that itself", () => {
    const permissions = permissionsOf(['"subscribe":{"allow":["foo"],"deny":["x"]}', '"subscribe":{"allow":"ALL"}']);
    expect(subscribe(permissions, "foo")).toBe("allowed by 0");
    expect(subscribe(permissions, "bar")).toBe("allowed by 1");
    expect(subscribe(permissions, "bar q")).toBe("allowed by 1");
    expect(subscribe(permissions, ">")).toBe("allowed by 1");
    expect(subscribe(permissions, "a..b")).toBe("allowed by 1");
    expect(subscribe(permissions, "a..b q")).toBe("allowed by 1");
    expect(subscribe(permissions, "x")).toBe("denied by 0");
    expect(subscribe(permissions, "> q")).toBe("queue_over_deny by 0");
    permissions.destroy();
  });
});

describe("the filter of deliveries", () => {
  it("is needed once a wildcard or a queue subscription overlaps a deny entry for any queue", () => {
    const permissions = oneRule(">", "foo.bar,jobs.* workers");
    expect(needsFilter(permissions, "foo.*", false)).toBe(true);
    expect(needsFilter(permissions, ">", false)).toBe(true);
    expect(needsFilter(permissions, "*.bar", true)).toBe(true);
    expect(needsFilter(permissions, "jobs.>", false)).toBe(true);
    expect(needsFilter(permissions, "jobs.a", true)).toBe(true);
    permissions.destroy();
  });

  it("is not needed for a plain literal, for what overlaps nothing, and for what is not a subject", () => {
    const permissions = oneRule(">", "foo.bar,jobs.* workers");
    expect(needsFilter(permissions, "jobs.a", false)).toBe(false);
    expect(needsFilter(permissions, "bar.*", false)).toBe(false);
    expect(needsFilter(permissions, "bar", true)).toBe(false);
    expect(needsFilter(permissions, "foo..*", true)).toBe(false);
    permissions.destroy();
    const open = oneRule(">", "");
    expect(needsFilter(open, ">", true)).toBe(false);
    open.destroy();
  });

  it("overlaps as in nats-server's TestClientSubscribeDenyWildcardOverlapBlocksDelivery, and withholds the same", () => {
    const cases = [
      "*.secret foo.* foo.secret foo.public",
      "foo.*.bar foo.baz.* foo.baz.bar foo.baz.qux",
      "*.*.bar foo.*.* foo.baz.bar foo.baz.qux",
      "a.> *.b a.b z.b",
    ];
    for (let i = 0; i < cases.length; i++) {
      const parts = cases[i].split(" ");
      const permissions = oneRule(">", parts[0]);
      expect(subscribe(permissions, parts[1])).toBe("allowed by 0");
      expect(needsFilter(permissions, parts[1], false)).toBe(true);
      expect(keptBack(permissions, parts[2], "")).toBe(true);
      expect(permissions.decidedBy).toBe(0);
      expect(keptBack(permissions, parts[3], "")).toBe(false);
      permissions.destroy();
    }
  });

  it("withholds what a plain deny matches from every subscription, and does the same when asked again", () => {
    const permissions = oneRule(">", "a.*");
    for (let i = 0; i < 3; i++) {
      expect(keptBack(permissions, "a.b", "")).toBe(true);
      expect(permissions.decidedBy).toBe(0);
      expect(keptBack(permissions, "a.b", "q")).toBe(true);
      expect(keptBack(permissions, "a.b", "?")).toBe(true);
      expect(keptBack(permissions, "a.b.c", "")).toBe(false);
      expect(permissions.decidedBy).toBe(-1);
      expect(keptBack(permissions, "a..b", "")).toBe(false);
    }
    permissions.destroy();
  });

  it("withholds what a deny with a queue matches only from a queue that fits, or that is not known", () => {
    const permissions = oneRule(">", "a.* q.*,b,d >");
    expect(keptBack(permissions, "a.b", "q.x")).toBe(true);
    expect(permissions.decidedBy).toBe(0);
    expect(keptBack(permissions, "a.b", "r")).toBe(false);
    expect(permissions.decidedBy).toBe(-1);
    expect(keptBack(permissions, "a.b", "")).toBe(false);
    expect(keptBack(permissions, "a.b", "?")).toBe(true);
    expect(keptBack(permissions, "b", "")).toBe(true);
    expect(keptBack(permissions, "b", "r")).toBe(true);
    expect(keptBack(permissions, "c", "?")).toBe(false);
    // A deny for every queue is none for a subscription without one.
    expect(keptBack(permissions, "d", "r")).toBe(true);
    expect(keptBack(permissions, "d", "")).toBe(false);
    expect(keptBack(permissions, "a..b", "?")).toBe(false);
    permissions.destroy();
  });
});
