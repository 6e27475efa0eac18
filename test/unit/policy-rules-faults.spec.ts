import { readPolicy } from "../../assembly/policy/config";
import { ANYONE, expectFault, faultsOf, read, withActs, withRule } from "./policy-support";

const ACT: string = '"publish":{"allow":["a"]}';

function entryFault(direction: string, entry: string): string {
  return faultsOf(withActs(`"${direction}":{"allow":["${entry}"]}`));
}

describe("the faults of a rule", () => {
  it("include that it is not an object", () => {
    expectFault(
      '{"trustDomains":["a"],"rules":[null,"x"]}',
      'rules[0]: expected a rule such as {"name": "orders", "from": […], "publish": {"allow": ["orders.>"]}}, found null\n' +
        'rules[1]: expected a rule such as {"name": "orders", "from": […], "publish": {"allow": ["orders.>"]}}, found a string',
    );
  });

  it("include a missing name, a missing from and nothing to do, all at once", () => {
    expectFault(
      withRule(""),
      "rules[0].name: is missing: write what audit and stats shall call the rule\n" +
        'rules[0].from: is missing, which is never "anyone": write [{"principals": ["*"]}] for every authenticated peer\n' +
        "rules[0]: does nothing: give publish or subscribe an allow or a deny, or write allow_responses",
    );
  });

  it("include empty lists that do nothing", () => {
    const idle = "rules[0]: does nothing: give publish or subscribe an allow or a deny, or write allow_responses";
    expectFault(withActs('"publish":{"allow":[],"deny":[]},"subscribe":{}'), idle);
    expectFault(withActs('"replies":"ANY","rollup":"ALL"'), idle);
    expectFault(withActs('"allow_responses":false'), idle);
  });

  it("include a name that is empty, too long, or would break the labels of a stat", () => {
    expectFault(withRule(`"name":"",${ANYONE},${ACT}`), "rules[0].name: is empty: expected a name such as orders-api");
    expectFault(
      withRule(`"name":"${"n".repeat(129)}",${ANYONE},${ACT}`),
      `rules[0].name: "${"n".repeat(80)}…" is 129 bytes long: use at most 128`,
    );
    expectFault(
      withRule(`"name":"${"é".repeat(65)}",${ANYONE},${ACT}`),
      `rules[0].name: "${"é".repeat(65)}" is 130 bytes long: use at most 128`,
    );
    expectFault(
      withRule(`"name":"a;.;b",${ANYONE},${ACT}`),
      'rules[0].name: "a;.;b" has ;.; or =.=, which separate the labels of a stat: write it without',
    );
    expectFault(
      withRule(`"name":"a=.=b",${ANYONE},${ACT}`),
      'rules[0].name: "a=.=b" has ;.; or =.=, which separate the labels of a stat: write it without',
    );
    expectFault(
      withRule(`"name":"a\\nb",${ANYONE},${ACT}`),
      'rules[0].name: "a\\x0ab" has a control character: remove it',
    );
    expectFault(
      withRule(`"name":"a\u007fb",${ANYONE},${ACT}`),
      'rules[0].name: "a\\x7fb" has a control character: remove it',
    );
  });

  it("include a name that another rule has", () => {
    expectFault(
      `{"trustDomains":["a"],"rules":[{"name":"x",${ANYONE},${ACT}},{"name":"y",${ANYONE},${ACT}},{"name":"x",${ANYONE},${ACT}}]}`,
      'rules[2].name: "x" is the name of rules[0] already: write another one',
    );
  });

  it("include more rules than 100,000", () => {
    const faults = read('{"rules":[' + "0,".repeat(100_000) + '{"a":[1]},2]}').faults;
    expect(faults.count).toBe(100_002);
    expect(read('{"rules":[' + "0,".repeat(99_999) + "0]}").faults.count).toBe(100_001);
  });
});

describe("the faults of a subject", () => {
  it("include empty tokens", () => {
    const empty = "a token is empty: write something on both sides of each '.'";
    expect(entryFault("publish", "a..b")).toBe(`rules[0].publish.allow[0]: "a..b": ${empty}`);
    expect(entryFault("publish", ".a")).toBe(`rules[0].publish.allow[0]: ".a": ${empty}`);
    expect(entryFault("publish", "a.")).toBe(`rules[0].publish.allow[0]: "a.": ${empty}`);
    expect(entryFault("subscribe", ".")).toBe(`rules[0].subscribe.allow[0]: ".": ${empty}`);
    expect(entryFault("publish", "")).toBe("rules[0].publish.allow[0]: is empty: expected a subject such as orders.>");
  });

  it("include '>' before the last token", () => {
    expect(entryFault("publish", "orders.>.x")).toBe(
      `rules[0].publish.allow[0]: "orders.>.x": '>' must be the last token`,
    );
    expect(entryFault("subscribe", ">.x")).toBe(`rules[0].subscribe.allow[0]: ">.x": '>' must be the last token`);
  });

  it("include control characters and bytes that are not UTF-8", () => {
    expect(entryFault("publish", "a\\u0000b")).toBe(
      'rules[0].publish.allow[0]: "a\\x00b": a control character can be in no subject: remove it',
    );
    expect(entryFault("publish", "a\\r\\nb")).toBe(
      'rules[0].publish.allow[0]: "a\\x0d\\x0ab": a control character can be in no subject: remove it',
    );
    expect(entryFault("publish", "a\u007f")).toBe(
      'rules[0].publish.allow[0]: "a\\x7f": a control character can be in no subject: remove it',
    );
    const bytes = String.UTF8.encode(withActs('"publish":{"allow":["a#b"]}'));
    const text = Uint8Array.wrap(bytes);
    text[text.indexOf(0x23)] = 0xff;
    expect(readPolicy(changetype<usize>(bytes), bytes.byteLength).faults.toString()).toBe(
      'rules[0].publish.allow[0]: "a\ufffdb" is not UTF-8: save the file as UTF-8',
    );
  });

  it("include blanks in publish, and in subscribe those that do not separate a queue group", () => {
    expect(entryFault("publish", "a q")).toBe(
      'rules[0].publish.allow[0]: "a q": a publish subject has no blank: queue groups belong to subscribe',
    );
    expect(entryFault("publish", " a")).toBe(
      'rules[0].publish.allow[0]: " a": blanks at its beginning or end: remove them',
    );
    expect(entryFault("subscribe", "a ")).toBe(
      'rules[0].subscribe.allow[0]: "a ": blanks at its beginning or end: remove them',
    );
    expect(entryFault("subscribe", " ")).toBe(
      'rules[0].subscribe.allow[0]: " ": blanks at its beginning or end: remove them',
    );
    expect(entryFault("subscribe", "a q r")).toBe(
      'rules[0].subscribe.allow[0]: "a q r": more than two words: write SUBJECT or SUBJECT QUEUE',
    );
    expect(entryFault("subscribe", "a q ")).toBe(
      'rules[0].subscribe.allow[0]: "a q ": more than two words: write SUBJECT or SUBJECT QUEUE',
    );
  });

  it("include queue groups that break the rule of subjects", () => {
    expect(entryFault("subscribe", "a q..r")).toBe(
      "rules[0].subscribe.allow[0]: \"a q..r\": in the queue group a token is empty: write something on both sides of each '.'",
    );
    expect(entryFault("subscribe", "a >.q")).toBe(
      "rules[0].subscribe.allow[0]: \"a >.q\": in the queue group '>' must be the last token",
    );
  });

  it("include lists that are not lists, and entries that are not strings", () => {
    expectFault(
      withActs('"publish":["a"]'),
      'rules[0].publish: expected an object such as {"allow": ["orders.>"], "deny": []}, found a list',
    );
    expectFault(withActs('"publish":{"allow":"a"}'), 'rules[0].publish.allow: expected a list: write ["a"]');
    expectFault(
      withActs('"subscribe":{"deny":["a",{"subject":"b"}]}'),
      "rules[0].subscribe.deny[1]: expected a subject such as orders.>, found an object",
    );
  });

  it("include strings longer than any that is read", () => {
    expect(entryFault("publish", "a".repeat(8193))).toBe(
      "rules[0].publish.allow[0]: is 8193 bytes long: use at most 8192",
    );
    // One that is read is only too long for a subject.
    expect(entryFault("publish", "a".repeat(8192)).includes("use at most 8192")).toBe(false);
    expect(entryFault("publish", "a".repeat(8192)).endsWith(": more than 4096 bytes: shorten it")).toBe(true);
    expect(entryFault("publish", "é".repeat(2049)).endsWith(": more than 4096 bytes: shorten it")).toBe(true);
    expect(entryFault("publish", "é".repeat(2048))).toBe("");
  });
});

describe("the faults of allow_responses", () => {
  it("include what is neither true, false nor an object", () => {
    const expected = 'expected true, or an object such as {"max": 1, "expires": "5s"}';
    expectFault(withActs('"allow_responses":1'), `rules[0].allow_responses: ${expected}, found a number`);
    expectFault(withActs('"allow_responses":null'), `rules[0].allow_responses: ${expected}, found null`);
    expectFault(withActs('"allow_responses":[true]'), `rules[0].allow_responses: ${expected}, found a list`);
  });

  it("include numbers that are not whole or too large", () => {
    expectFault(
      withActs('"allow_responses":{"max":1.5}'),
      "rules[0].allow_responses.max: 1.5 is not a whole number: write a whole number of responses such as 1",
    );
    expectFault(
      withActs('"allow_responses":{"max":2147483648}'),
      "rules[0].allow_responses.max: 2147483648 is outside of -2147483648 to 2147483647: write a whole number of responses such as 1 within them",
    );
    expectFault(
      withActs('"allow_responses":{"max":"1"}'),
      "rules[0].allow_responses.max: expected a whole number of responses such as 1, found a string",
    );
  });

  it("include durations that are invalid or shorter than a millisecond", () => {
    expectFault(
      withActs('"allow_responses":{"expires":"5"}'),
      'rules[0].allow_responses.expires: "5" is no duration: write a number and a unit, as 5s, 250ms or 1m',
    );
    expectFault(
      withActs('"allow_responses":{"expires":5}'),
      "rules[0].allow_responses.expires: expected a duration such as 5s, 250ms or 2m, found a number",
    );
    expectFault(
      withActs('"allow_responses":{"expires":"999us"}'),
      'rules[0].allow_responses.expires: "999us" is shorter than 1ms: write 1ms or more',
    );
  });
});
