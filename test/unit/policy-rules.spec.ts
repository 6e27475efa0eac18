import { Mode, UNLIMITED_RESPONSES, UNLIMITED_TIME } from "../../assembly/policy/rules";
import { ANYONE, entriesOf, faultsOf, read, soundRule, withActs, withRule } from "./policy-support";

describe("a rule", () => {
  it("carries its own DRY_RUN, replies and rollup", () => {
    const rule = soundRule(withActs('"publish":{"allow":["a"]},"mode":"DRY_RUN","replies":"ANY","rollup":"ALL"'));
    expect(rule.mode).toBe(Mode.DRY_RUN);
    expect(rule.repliesAny).toBe(true);
    expect(rule.rollupAll).toBe(true);
  });

  it("may spell out the defaults", () => {
    const rule = soundRule(withActs('"publish":{"allow":["a"]},"mode":"ENFORCE","replies":"OWN","rollup":"SUB"'));
    expect(rule.mode).toBe(Mode.ENFORCE);
    expect(rule.repliesAny).toBe(false);
    expect(rule.rollupAll).toBe(false);
  });

  it("keeps its own mode in a configuration that is in DRY_RUN", () => {
    const document = read(
      `{"mode":"DRY_RUN","trustDomains":["a"],"rules":[{"name":"r",${ANYONE},"publish":{"deny":["a"]}}]}`,
    );
    expect(document.mode).toBe(Mode.DRY_RUN);
    expect(document.rules[0].mode).toBe(Mode.ENFORCE);
  });

  it("may consist only of denies or only of responses", () => {
    expect(entriesOf(soundRule(withActs('"subscribe":{"deny":["a"]}')).subscribe.deny).join()).toBe("a");
    expect(soundRule(withActs('"allow_responses":true')).responses === null).toBe(false);
  });

  it("may have a name of any characters except controls, up to 128 bytes", () => {
    const names = ["orders", "Aufträge: lesen & schreiben", "a;.b=.c", "n".repeat(128), "é".repeat(64)];
    for (let i = 0; i < names.length; i++) {
      const document = read(withRule(`"name":"${names[i]}",${ANYONE},"publish":{"allow":["a"]}`));
      expect(document.faults.toString()).toBe("");
      expect(document.names.of(0)).toBe(names[i]);
    }
  });
});

describe("the entries of a rule", () => {
  it("may be any subject that nats-server accepts for a permission", () => {
    const subjects: StaticArray<string> = [
      "a",
      ">",
      "*",
      "*.*.>",
      "$SYS.REQ.>",
      "_INBOX.>",
      "foo*",
      "*foo",
      "f>",
      ">f",
      "a.>>",
      "é.😀",
      "a\u00a0b",
      "'\\\"",
    ];
    for (let i = 0; i < subjects.length; i++) {
      const rule = soundRule(withActs(`"publish":{"allow":["${subjects[i]}"]}`));
      expect(entriesOf(rule.publish.allow).length).toBe(1, subjects[i]);
    }
  });

  it("may be as long as a control line and no longer", () => {
    const longest = "s".repeat(4096);
    expect(entriesOf(soundRule(withActs(`"publish":{"allow":["${longest}"]}`)).publish.allow)[0]).toBe(longest);
    expect(faultsOf(withActs(`"publish":{"allow":["${"s".repeat(4097)}"]}`))).toBe(
      `rules[0].publish.allow[0]: "${"s".repeat(80)}…": more than 4096 bytes: shorten it`,
    );
    const subscribe = withActs(`"subscribe":{"allow":["${"s".repeat(4094)} q"]}`);
    expect(entriesOf(soundRule(subscribe).subscribe.allow).length).toBe(1);
    expect(faultsOf(withActs(`"subscribe":{"allow":["${"s".repeat(4095)} q"]}`))).toBe(
      `rules[0].subscribe.allow[0]: "${"s".repeat(80)}…": more than 4096 bytes: shorten it`,
    );
  });

  it("may have 256 tokens and no more, in plain text and in any other", () => {
    const most = "t." + "t.".repeat(254);
    const ends: StaticArray<string> = ["t", "\\u0074", "t q"];
    for (let i = 0; i < ends.length; i++) {
      const rule = soundRule(withActs(`"subscribe":{"allow":["${most}${ends[i]}"]}`));
      expect(entriesOf(rule.subscribe.allow).length).toBe(1);
      const fault = faultsOf(withActs(`"subscribe":{"allow":["t.${most}${ends[i]}"]}`));
      expect(fault.includes("more than 256 tokens: shorten it")).toBe(true);
    }
  });

  it("may have a queue group after blanks in subscribe, allow and deny alike", () => {
    const rule = soundRule(withActs('"subscribe":{"allow":["a.* q.>","b \\t  q"],"deny":["c q*"]}'));
    expect(entriesOf(rule.subscribe.allow).join()).toBe("a.* q.>,b q");
    expect(entriesOf(rule.subscribe.deny).join()).toBe("c q*");
  });
});

describe("allow_responses", () => {
  it("is one response within two minutes if it is true, and none if it is false", () => {
    const rule = soundRule(withActs('"allow_responses":true'));
    expect(rule.responses!.max).toBe(1);
    expect(rule.responses!.expiresMs).toBe(120_000);
    expect(soundRule(withActs('"publish":{"allow":["a"]},"allow_responses":false')).responses === null).toBe(true);
  });

  it("has nats-server's defaults for what is left out or 0", () => {
    const none = soundRule(withActs('"allow_responses":{}')).responses!;
    expect(none.max).toBe(1);
    expect(none.expiresMs).toBe(120_000);
    const zero = soundRule(withActs('"allow_responses":{"max":0,"expires":"0"}')).responses!;
    expect(zero.max).toBe(1);
    expect(zero.expiresMs).toBe(120_000);
  });

  it("is unlimited if it is negative", () => {
    const endless = soundRule(withActs('"allow_responses":{"max":-1,"expires":"-1s"}')).responses!;
    expect(endless.max).toBe(UNLIMITED_RESPONSES);
    expect(endless.expiresMs).toBe(UNLIMITED_TIME);
    expect(soundRule(withActs('"allow_responses":{"max":-2147483648}')).responses!.max).toBe(UNLIMITED_RESPONSES);
  });

  it("reads durations as Go writes them, in whole milliseconds", () => {
    expect(soundRule(withActs('"allow_responses":{"expires":"250ms"}')).responses!.expiresMs).toBe(250);
    expect(soundRule(withActs('"allow_responses":{"expires":"1m30s"}')).responses!.expiresMs).toBe(90_000);
    expect(soundRule(withActs('"allow_responses":{"expires":"1ms"}')).responses!.expiresMs).toBe(1);
    expect(soundRule(withActs('"allow_responses":{"expires":"1.9999ms"}')).responses!.expiresMs).toBe(1);
    expect(soundRule(withActs('"allow_responses":{"max":2147483647,"expires":"2540400h"}')).responses!.max).toBe(
      i32.MAX_VALUE,
    );
  });
});
