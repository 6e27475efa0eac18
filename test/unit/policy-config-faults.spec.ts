import { ANYONE, expectFault, faultsOf, read, withActs, withKeys, withSource } from "./policy-support";

const ACT: string = '"publish":{"allow":["a"]}';

function domainsFault(domains: string): string {
  return faultsOf(`{"trustDomains":[${domains}],"rules":[{"name":"r",${ANYONE},${ACT}}]}`);
}

describe("a configuration that is not one", () => {
  it("is a fault if there are no bytes, which is how an absent pluginConfig arrives", () => {
    expectFault("", "configuration: is empty: give the WasmPlugin a pluginConfig with trustDomains and rules");
  });

  it("is a fault that says where the text stops being JSON, and inside what", () => {
    expectFault("rules: []", "configuration: is not JSON: expected a value, found 'r' at byte 0");
    expectFault('{"mode":ENFORCE}', "mode: is not JSON: expected a value, found 'E' at byte 8");
    expectFault(
      '{"rules":[{"publish":{"allow":["a",]}}]}',
      "rules[0].publish.allow[1]: is not JSON: expected a value, found ']' at byte 35",
    );
    expectFault(
      withKeys('"mode":"ENFORCE"') + "}",
      "configuration: is not JSON: expected nothing more after the document, found '}' at byte 130",
    );
  });

  it("is a fault that names the value inside which the text stops being JSON, though nothing reads that value", () => {
    expectFault(
      '{"limits":{"x":[1,}',
      "limits.x: unknown key: the keys here are controlLine, payload, headers, subscriptions, outstandingReplies, responses or memory\n" +
        "limits.x: is not JSON: expected a value, found '}' at byte 18",
    );
    expectFault(
      '{"mode":{"a":}}',
      "mode: expected ENFORCE or DRY_RUN, found an object\nmode: is not JSON: expected a value, found '}' at byte 13",
    );
  });

  it("still reports the faults before the place where the text breaks", () => {
    expectFault(
      '{"mode":"enforce","rules":[{"name":1,',
      'mode: "enforce" is not known here: write ENFORCE\n' +
        "rules[0].name: expected a name such as orders-api, found a number\n" +
        "rules[0]: is not JSON: expected a key in double quotes, found the end of the text at byte 37",
    );
  });

  it("is no other fault besides where the text breaks, though what follows is missing then", () => {
    const begun = [
      '{"trustDomains":[',
      '{"rules":[',
      '{"rules":[{"name":"r"',
      '{"rules":[{"from":[',
      '{"rules":[{"from":[{',
      '{"rules":[{"from":[{"namespaces":[',
      '{"telemetry":{"subjects":[{"name":"a"',
      '{"telemetry":{"subjects":[{"name":"a","patterns":[',
    ];
    for (let i = 0; i < begun.length; i++) expect(read(begun[i]).faults.count).toBe(1, begun[i]);
  });

  it("is a fault if it is not an object", () => {
    expectFault("[]", "configuration: expected an object with trustDomains and rules, found a list");
    expectFault("null", "configuration: expected an object with trustDomains and rules, found null");
    expectFault('"x"', "configuration: expected an object with trustDomains and rules, found a string");
  });
});

describe("the faults of a configuration's keys", () => {
  it("include missing trust domains and rules", () => {
    expectFault(
      "{}",
      'trustDomains: is missing: write the mesh\'s own and its aliases, such as ["cluster.local"]\n' +
        "rules: is missing: write at least one rule",
    );
  });

  it("include empty trust domains and rules", () => {
    expectFault(
      '{"trustDomains":[],"rules":[]}',
      'trustDomains: is empty, so that nobody could be authenticated: write the mesh\'s own, such as ["cluster.local"]\n' +
        "rules: is empty, which refuses everybody: write at least one rule",
    );
  });

  it("include unknown keys, with the one that was meant or those that exist", () => {
    expectFault(withKeys('"trustdomains":[1,{"a":[2]}]'), "trustdomains: unknown key: did you mean trustDomains?");
    expectFault(
      withKeys('"x":{"y":[]}'),
      "x: unknown key: the keys here are mode, identity, trustDomains, rules, limits, audit, connectUrls or telemetry",
    );
    expectFault(withKeys('"limits":{"memroy":1}'), "limits.memroy: unknown key: did you mean memory?");
    expectFault(withKeys('"audit":{"brust":1}'), "audit.brust: unknown key: did you mean burst?");
    expectFault(withActs(ACT + ',"replys":"OWN"'), "rules[0].replys: unknown key: did you mean replies?");
    expectFault(
      withActs(ACT + ',"allow":["b"]'),
      "rules[0].allow: unknown key: the keys here are name, mode, from, publish, subscribe, allow_responses, replies or rollup",
    );
    expectFault(
      withActs('"publish":{"allow":["a"],"alow":["b"]}'),
      "rules[0].publish.alow: unknown key: did you mean allow?",
    );
    expectFault(
      withSource('{"namespaces":["a"],"namespace":["b"]}'),
      "rules[0].from[0].namespace: unknown key: did you mean namespaces?",
    );
    expectFault(
      withActs('"allow_responses":{"max":1,"ttl":"5s"}'),
      "rules[0].allow_responses.ttl: unknown key: the keys here are max or expires",
    );
  });

  it("quote unknown keys that are not words", () => {
    expectFault(
      withKeys('"a \\"b\\n":1'),
      '["a \\"b\\x0a"]: unknown key: the keys here are mode, identity, trustDomains, rules, limits, audit, connectUrls or telemetry',
    );
    expectFault(
      withKeys('"":1'),
      '[""]: unknown key: the keys here are mode, identity, trustDomains, rules, limits, audit, connectUrls or telemetry',
    );
  });

  it("are cut where a key or a number is longer than any that is needed", () => {
    const known =
      ": unknown key: the keys here are mode, identity, trustDomains, rules, limits, audit, connectUrls or telemetry";
    expectFault(withKeys(`"${"k".repeat(64)}":1`), "k".repeat(64) + known);
    expectFault(withKeys(`"${"k".repeat(81)}":1`), `["${"k".repeat(80)}…"]` + known);
    expectFault(
      withKeys(`"limits":{"headers":${"9".repeat(41)}}`),
      `limits.headers: ${"9".repeat(40)} is outside of 64 to 65536: write a whole number within them`,
    );
  });

  it("include duplicate keys at every level, even if they are written with escapes", () => {
    expectFault(withKeys('"mode":"ENFORCE","mode":"DRY_RUN"'), "mode: is written twice: keep one of them");
    expectFault(withKeys('"rules":[]'), "rules: is written twice: keep one of them");
    expectFault(withActs(ACT + ',"\\u006eame":"s"'), "rules[0].name: is written twice: keep one of them");
    expectFault(
      withActs('"publish":{"allow":["a"],"allow":["b"]}'),
      "rules[0].publish.allow: is written twice: keep one of them",
    );
    expectFault(
      withSource('{"principals":["*"],"principals":["*"]}'),
      "rules[0].from[0].principals: is written twice: keep one of them",
    );
    expectFault(
      withKeys('"limits":{"memory":8388608,"memory":8388608}'),
      "limits.memory: is written twice: keep one of them",
    );
  });

  it("include unknown words, with the right one", () => {
    expectFault(withKeys('"mode":"enforce"'), 'mode: "enforce" is not known here: write ENFORCE');
    expectFault(withKeys('"mode":"dry-run"'), 'mode: "dry-run" is not known here: write DRY_RUN');
    expectFault(withKeys('"mode":"AUDIT"'), 'mode: "AUDIT" is not known here: write ENFORCE or DRY_RUN');
    expectFault(withKeys('"identity":"peer"'), 'identity: "peer" is not known here: write PEER');
    expectFault(withActs(ACT + ',"mode":"dry_run"'), 'rules[0].mode: "dry_run" is not known here: write DRY_RUN');
    expectFault(withActs(ACT + ',"replies":"any"'), 'rules[0].replies: "any" is not known here: write ANY');
    expectFault(withActs(ACT + ',"rollup":"all"'), 'rules[0].rollup: "all" is not known here: write ALL');
  });

  it("include values of another type, with what was found", () => {
    expectFault(withKeys('"mode":true'), "mode: expected ENFORCE or DRY_RUN, found true");
    expectFault(withKeys('"mode":false'), "mode: expected ENFORCE or DRY_RUN, found false");
    expectFault(withKeys('"identity":null'), "identity: expected PEER, WAYPOINT or WORKLOAD, found null");
    expectFault(
      withKeys('"limits":[{"a":1}]'),
      'limits: expected an object such as {"controlLine": 4096}, found a list',
    );
    expectFault(withKeys('"audit":1'), 'audit: expected an object such as {"refusalsPerSecond": 10}, found a number');
    expectFault(
      '{"trustDomains":"cluster.local","rules":{"a":[]}}',
      'trustDomains: expected a list of trust domains such as ["cluster.local"], found a string\n' +
        "rules: expected a list of rules, found an object",
    );
  });
});

describe("the faults of a trust domain", () => {
  it("include wildcards, schemes, other characters, repetition and excess", () => {
    expect(domainsFault('"*"')).toBe(
      "trustDomains[0]: \"*\" has '*': name each trust domain, a certificate of any other is nobody's",
    );
    expect(domainsFault('"spiffe://a"')).toBe(
      'trustDomains[0]: "spiffe://a" begins with the scheme: leave spiffe:// out',
    );
    expect(domainsFault('"a/b"')).toBe(
      "trustDomains[0]: \"a/b\" is no trust domain: use letters, digits, '.', '-' and '_'",
    );
    expect(domainsFault('"a b"')).toBe(
      "trustDomains[0]: \"a b\" is no trust domain: use letters, digits, '.', '-' and '_'",
    );
    expect(domainsFault('"a","b","a"')).toBe('trustDomains[2]: "a" is written twice: keep one of them');
    expect(domainsFault('""')).toBe("trustDomains[0]: is empty: expected a trust domain such as cluster.local");
    expect(domainsFault("1")).toBe("trustDomains[0]: expected a trust domain such as cluster.local, found a number");
    expect(domainsFault(`"${"a".repeat(255)}"`)).toBe("");
    expect(domainsFault(`"${"a".repeat(256)}"`)).toBe(
      `trustDomains[0]: "${"a".repeat(80)}…" is 256 characters long: use at most 255`,
    );
  });

  it("include more than 64 of them", () => {
    const domains: string[] = [];
    for (let i = 0; i < 64; i++) domains.push(`"d${i}"`);
    expect(domainsFault(domains.join())).toBe("");
    expect(domainsFault(domains.join() + ',"one","two",{"three":[3]}')).toBe(
      "trustDomains[64]: one trust domain too many: keep at most 64",
    );
  });
});

describe("many faults", () => {
  it("are reported together, each with its path", () => {
    expectFault(
      '{"mode":"enforce","trustDomains":["a"],"rules":[{"name":"x","from":[],"publish":{"allow":["a..b",">.x"]}},' +
        '{"name":"x","from":[{"namespaces":["s"]}],"subscribe":{"deny":["a b c"]}}],"limits":{"memory":"1"},"foo":0}',
      'mode: "enforce" is not known here: write ENFORCE\n' +
        'rules[0].from: is empty, which admits nobody: write [{"principals": ["*"]}] for every authenticated peer\n' +
        "rules[0].publish.allow[0]: \"a..b\": a token is empty: write something on both sides of each '.'\n" +
        "rules[0].publish.allow[1]: \">.x\": '>' must be the last token\n" +
        'rules[1].name: "x" is the name of rules[0] already: write another one\n' +
        'rules[1].subscribe.deny[0]: "a b c": more than two words: write SUBJECT or SUBJECT QUEUE\n' +
        "limits.memory: expected a whole number, found a string\n" +
        "foo: unknown key: the keys here are mode, identity, trustDomains, rules, limits, audit, connectUrls or telemetry",
    );
  });
});
