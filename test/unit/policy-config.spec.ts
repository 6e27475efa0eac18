import { MAX_CONFIG_BYTES, readPolicy } from "../../assembly/policy/config";
import { Identity } from "../../assembly/policy/document";
import { Mode } from "../../assembly/policy/rules";
import { ANYONE, entriesOf, faultsOf, read, soundRule, withActs, withKeys, withRule } from "./policy-support";

// The documentation's example, in the JSON that Istio makes of it: compact, with sorted keys and each > as an escape.
const EXAMPLE: string =
  '{"identity":"PEER","mode":"ENFORCE","rules":[{"allow_responses":{"expires":"5s","max":1},"from":[{"principals":' +
  '["cluster.local/ns/shop/sa/orders-api"],"serviceAccounts":["shop/orders-api"]}],"name":"orders-api","publish":' +
  '{"allow":["orders.\\u003e"],"deny":["orders.admin.\\u003e"]},"replies":"OWN","subscribe":{"allow":' +
  '["_INBOX.\\u003e","orders.replies.* workers"],"deny":[]}},{"from":[{"principals":["*"]}],"name":' +
  '"nobody-touches-system","publish":{"deny":["$SYS.\\u003e"]},"subscribe":{"deny":["$SYS.\\u003e"]}}],' +
  '"trustDomains":["cluster.local"]}';

describe("the example configuration", () => {
  it("is read completely", () => {
    const document = read(EXAMPLE);
    expect(document.faults.toString()).toBe("");
    expect(document.mode).toBe(Mode.ENFORCE);
    expect(document.identity).toBe(Identity.PEER);
    expect(document.trustDomains.join()).toBe("cluster.local");
    expect(document.rules.length).toBe(2);
  });

  it("gives its first rule subjects, queue, responses and replies", () => {
    const document = read(EXAMPLE);
    const rule = document.rules[0];
    expect(document.names.of(0)).toBe("orders-api");
    expect(rule.index).toBe(0);
    expect(rule.mode).toBe(Mode.ENFORCE);
    expect(entriesOf(rule.publish.allow).join()).toBe("orders.>");
    expect(entriesOf(rule.publish.deny).join()).toBe("orders.admin.>");
    expect(entriesOf(rule.subscribe.allow).join()).toBe("_INBOX.>,orders.replies.* workers");
    expect(entriesOf(rule.subscribe.deny).length).toBe(0);
    expect(rule.responses!.max).toBe(1);
    expect(rule.responses!.expiresMs).toBe(5000);
    expect(rule.repliesAny).toBe(false);
    expect(rule.rollupAll).toBe(false);
  });

  it("gives its second rule only denies", () => {
    const document = read(EXAMPLE);
    const rule = document.rules[1];
    expect(document.names.of(1)).toBe("nobody-touches-system");
    expect(rule.index).toBe(1);
    expect(rule.publish.allow.length).toBe(0);
    expect(rule.responses === null).toBe(true);
  });

  it("is refused at every place where it could be cut off", () => {
    for (let cut = 0; cut < EXAMPLE.length; cut++) {
      expect(read(EXAMPLE.substring(0, cut)).faults.isEmpty).toBe(false, EXAMPLE.substring(0, cut));
    }
  });
});

describe("a configuration", () => {
  it("may contain everything in any order, with the trust domains last", () => {
    const document = read(
      `{"rules":[{"publish":{"allow":["a"]},${ANYONE},"name":"r"}],"audit":{"burst":7},"limits":{"payload":9},` +
        '"mode":"DRY_RUN","identity":"WAYPOINT","trustDomains":["a","b"]}',
    );
    expect(document.faults.toString()).toBe("");
    expect(document.mode).toBe(Mode.DRY_RUN);
    expect(document.identity).toBe(Identity.WAYPOINT);
    expect(document.trustDomains.join()).toBe("a,b");
    expect(document.audit.burst).toBe(7);
    expect(document.limits.payload).toBe(9);
    expect(document.rules[0].from.matches(document.peers.principalOf("spiffe://b/x"))).toBe(true);
  });

  it("is enforced by the peer's certificate by default", () => {
    const document = read(withKeys('"audit":{}'));
    expect(document.faults.toString()).toBe("");
    expect(document.mode).toBe(Mode.ENFORCE);
    expect(document.identity).toBe(Identity.PEER);
    expect(read(withKeys('"identity":"WORKLOAD"')).identity).toBe(Identity.WORKLOAD);
  });

  it("may have escapes in its keys and values", () => {
    const rule = soundRule(withActs('"\\u0070ublish":{"allow":["\\u006frders.\\u00e9\\ud83d\\ude00"]}'));
    expect(entriesOf(rule.publish.allow).join()).toBe("orders.é😀");
  });

  it("may have escapes in strings of any length", () => {
    for (let length = 1; length < 300; length++) {
      const subject = "s".repeat(length);
      const rule = soundRule(withActs(`"publish":{"allow":["${subject}.\\u003e"]}`));
      expect(entriesOf(rule.publish.allow).join()).toBe(subject + ".>");
    }
  });

  it("has the text of each string with escapes, also where others stand before it", () => {
    const acts = '"name":"\\u0072\\u0031","publish":{"allow":["a.\\u003e","b.c"],"deny":["a.b.\\u003e"]}';
    const document = read(withRule(`${ANYONE},${acts}`));
    expect(document.faults.toString()).toBe("");
    expect(document.names.of(0)).toBe("r1");
    expect(entriesOf(document.rules[0].publish.allow).join()).toBe("a.>,b.c");
    expect(entriesOf(document.rules[0].publish.deny).join()).toBe("a.b.>");
  });

  it("of 8 MiB is read, and none that is a byte longer", () => {
    const bytes = new ArrayBuffer(MAX_CONFIG_BYTES + 1);
    memory.fill(changetype<usize>(bytes), 0x20, MAX_CONFIG_BYTES + 1);
    expect(readPolicy(changetype<usize>(bytes), MAX_CONFIG_BYTES + 1).faults.toString()).toBe(
      "configuration: is 8388609 bytes long: use at most 8388608",
    );
    expect(readPolicy(changetype<usize>(bytes), MAX_CONFIG_BYTES).faults.toString()).toBe(
      "configuration: is not JSON: expected a value, found the end of the text at byte 8388608",
    );
  });

  it("of 10,000 rules is read with all its names", () => {
    const rules: string[] = [];
    for (let i = 0; i < 10_000; i++) {
      rules.push(
        `{"name":"rule-${i}","from":[{"principals":["cluster.local/ns/shop/sa/s${i}"]}],"publish":{"allow":["s.${i}.>"]}}`,
      );
    }
    const document = read(`{"rules":[${rules.join()}],"trustDomains":["cluster.local"]}`);
    expect(document.faults.toString()).toBe("");
    expect(document.rules.length).toBe(10_000);
    expect(document.names.of(9_999)).toBe("rule-9999");
    expect(entriesOf(document.rules[1_234].publish.allow).join()).toBe("s.1234.>");
  });

  it("of 8 MiB of wrong rules is refused with 100 faults and a count", () => {
    const text = '{"trustDomains":["a"],"rules":[' + "{},".repeat(1_000_000) + "{}]}";
    const faults = read(text).faults;
    expect(faults.listed.length).toBe(100);
    // Three faults each for the first 100,000 rules, and one for everything beyond.
    expect(faults.count).toBe(300_001);
  });
});

describe("the limits", () => {
  it("have nats-server's values and our own by default", () => {
    const limits = read(EXAMPLE).limits;
    expect(limits.controlLine).toBe(4096);
    expect(limits.payload).toBe(0);
    expect(limits.headers).toBe(16384);
    expect(limits.subscriptions).toBe(65536);
    expect(limits.outstandingReplies).toBe(65536);
    expect(limits.responses).toBe(8192);
    expect(limits.memory).toBe(128 * 1024 * 1024);
  });

  it("are each set by its key, at its least and at its most", () => {
    const least = read(
      withKeys(
        '"limits":{"controlLine":128,"payload":0,"headers":64,"subscriptions":1,"outstandingReplies":1024,"responses":1,"memory":8388608}',
      ),
    );
    expect(least.faults.toString()).toBe("");
    expect(least.limits.controlLine).toBe(128);
    expect(least.limits.payload).toBe(0);
    expect(least.limits.headers).toBe(64);
    expect(least.limits.subscriptions).toBe(1);
    expect(least.limits.outstandingReplies).toBe(1024);
    expect(least.limits.responses).toBe(1);
    expect(least.limits.memory).toBe(8388608);
    const most = read(
      withKeys(
        '"limits":{"controlLine":65536,"payload":999999999,"headers":65536,"subscriptions":1048576,"outstandingReplies":16777216,"responses":1048576,"memory":536870912}',
      ),
    );
    expect(most.faults.toString()).toBe("");
    expect(most.limits.controlLine).toBe(65536);
    expect(most.limits.payload).toBe(999999999);
    expect(most.limits.headers).toBe(65536);
    expect(most.limits.subscriptions).toBe(1048576);
    expect(most.limits.outstandingReplies).toBe(16777216);
    expect(most.limits.responses).toBe(1048576);
    expect(most.limits.memory).toBe(536870912);
  });

  it("may be written as doubles, which is how Istio hands numbers over", () => {
    const document = read(withKeys('"limits":{"memory":1.34217728e+08,"controlLine":8192.0}'));
    expect(document.faults.toString()).toBe("");
    expect(document.limits.memory).toBe(134217728);
    expect(document.limits.controlLine).toBe(8192);
  });

  it("are all faults at once if they are outside of their bounds", () => {
    expect(
      faultsOf(
        withKeys(
          '"limits":{"controlLine":127,"payload":-1,"headers":63,"subscriptions":0,"outstandingReplies":1023,"responses":0,"memory":8388607}',
        ),
      ),
    ).toBe(
      "limits.controlLine: 127 is outside of 128 to 65536: write a whole number within them\n" +
        "limits.payload: -1 is outside of 0 to 999999999: write a whole number within them\n" +
        "limits.headers: 63 is outside of 64 to 65536: write a whole number within them\n" +
        "limits.subscriptions: 0 is outside of 1 to 1048576: write a whole number within them\n" +
        "limits.outstandingReplies: 1023 is outside of 1024 to 16777216: write a whole number within them\n" +
        "limits.responses: 0 is outside of 1 to 1048576: write a whole number within them\n" +
        "limits.memory: 8388607 is outside of 8388608 to 536870912: write a whole number within them",
    );
    expect(
      read(
        withKeys(
          '"limits":{"controlLine":1048577,"payload":1000000000,"headers":1048577,"subscriptions":1048577,"outstandingReplies":16777217,"responses":1048577,"memory":1006632961}',
        ),
      ).faults.count,
    ).toBe(7);
  });

  it("are faults if they are not whole numbers", () => {
    expect(faultsOf(withKeys('"limits":{"controlLine":4096.5,"headers":"16KiB","memory":1e400}'))).toBe(
      "limits.controlLine: 4096.5 is not a whole number: write a whole number\n" +
        "limits.headers: expected a whole number, found a string\n" +
        "limits.memory: 1e400 is outside of 8388608 to 536870912: write a whole number within them",
    );
  });
});

describe("the audit settings", () => {
  it("are ten lines a second and a hundred at once by default", () => {
    const audit = read(EXAMPLE).audit;
    expect(audit.refusalsPerSecond).toBe(10);
    expect(audit.burst).toBe(100);
  });

  it("are set by their keys within 1 to 10,000", () => {
    const audit = read(withKeys('"audit":{"refusalsPerSecond":1,"burst":10000}')).audit;
    expect(audit.refusalsPerSecond).toBe(1);
    expect(audit.burst).toBe(10000);
    expect(faultsOf(withKeys('"audit":{"refusalsPerSecond":0,"burst":10001}'))).toBe(
      "audit.refusalsPerSecond: 0 is outside of 1 to 10000: write a whole number of lines within them\n" +
        "audit.burst: 10001 is outside of 1 to 10000: write a whole number of lines within them",
    );
  });

  it("write no allowed operation by default, or one of up to 1,000,000,000", () => {
    expect(read(EXAMPLE).audit.sample).toBe(0);
    expect(read(withKeys('"audit":{"sample":0}')).audit.sample).toBe(0);
    expect(read(withKeys('"audit":{"sample":1000000000}')).audit.sample).toBe(1_000_000_000);
    const remedy = "is outside of 0 to 1000000000: write a whole number of operations within them";
    expect(faultsOf(withKeys('"audit":{"sample":-1}'))).toBe(`audit.sample: -1 ${remedy}`);
    expect(faultsOf(withKeys('"audit":{"sample":1000000001}'))).toBe(`audit.sample: 1000000001 ${remedy}`);
  });
});
