import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { stringify } from "yaml";
import { checkPolicies } from "../../cli/doctor/check.ts";
import { POLICY_KEYS } from "../../cli/policy/policy-keys.ts";
import { check, RULE, SOUND } from "./checked.ts";
import { filter, istioNats, sourceOf } from "./support.ts";

describe("istio-nats check, of a mistake in a policy,", () => {
  it("does not want a namespace among the trust domains where a principal is written like a service account", () => {
    const from = (principal: string): string =>
      stringify({ ...SOUND, rules: [{ name: "r", from: [{ principals: [principal] }], publish: { allow: ["a"] } }] });
    const account = istioNats(["check", "-"], from("shop/orders-api")).output;
    assert.match(
      account,
      /\[principal-foreign\]\n {4}write it under serviceAccounts if it is NAMESPACE\/NAME; otherwise /,
    );
    const foreign = istioNats(["check", "-"], from("elsewhere.example/ns/shop/sa/orders-api")).output;
    assert.match(foreign, /\[principal-foreign\]\n {4}correct the trust domain, or add it to trustDomains\n/);
  });

  it("says how to write NATS's wildcards where YAML reads them as something else", () => {
    const quoted = "write the text in quotes";
    const folded = 'YAML reads > as the head of a folded text: write ">" in quotes';
    const wrong: [allow: string, place: string, remedy: string][] = [
      [" [*]", "6:13", quoted],
      [" *", "6:12", quoted],
      [" [orders.*, >]", "6:23", quoted],
      [
        " [*.created]",
        "6:13",
        'write &.created before the value that you mean, or "*.created" in quotes if it is a text',
      ],
      ["\n    - >\n    - _INBOX.>", "7:7", folded],
      [" >", "6:12", folded],
    ];
    const rule = "- name: r\n  from: [{namespaces: [shop]}]\n  subscribe:\n    allow:";
    for (const [allow, place, remedy] of wrong) {
      const { output } = istioNats(["check", "-"], `trustDomains: [cluster.local]\nrules:\n${rule}${allow}\n`);
      assert.ok(output.startsWith(`<stdin>:${place}: error: `), output);
      assert.ok(output.includes(`]\n    ${remedy}\n`), output);
    }
  });

  it("says why a line is no YAML where it has an invisible character, or what a template has still to fill in", () => {
    const wrong: [line: string, remedy: string][] = [
      ["mode:\u00a0ENFORCE", "U+00A0 is in this line, which is no blank: write plain blanks"],
      ["trustDomains: [${TRUST_DOMAIN}]", "fill in ${…} first, as flux envsubst does, and give the result"],
      ["trustDomains: [{{ .Values.x }}]", "render the template first, and give the result"],
      ["trustDomains: [a: b: c] # ${TRUST_DOMAIN} \u{1f468}\u200d\u{1f469}", "correct the text here"],
    ];
    for (const [line, remedy] of wrong) {
      const { output } = istioNats(["check", "-"], `audit: {}\n${line}\nrules: []\n`);
      assert.ok(output.startsWith("<stdin>:2:"), output);
      assert.ok(output.includes(`[yaml-syntax]\n    ${remedy}\n`), output);
    }
  });

  it("says one thing of a text that is no YAML until something has filled it in", () => {
    const fill = "fill in ${…} first, as flux envsubst does, and give the result";
    const render = "render the template first, and give the result";
    const wrong: [text: string, place: string, written: string, remedy: string][] = [
      ["trustDomains: [${TD}, ${ALIAS}]\nrules: [{name: ${A}.b, from: [${B}]}]", "1:16", "${TD}", fill],
      ["trustDomains: [\n  ${TD},\n  b,\n]\nrules: [{name: ${A}]", "2:3", "${TD}", fill],
      ["rules: [{name: ${A}, mode: ENFORCE}]\ntrustDomains: [a]\nmode: ENFORCE", "1:16", "${A}", fill],
      ["mode: ENFORCE\n${RULES}\naudit: {}", "2:1", "${RULES}", fill],
      ['mode: ${MODE:-"a: b"}', "1:7", '${MODE:-"a: b"}', fill],
      ["rules: [${A:-${B}}]", "1:9", "${A:-${B}", fill],
      ["mode: {{ .mode }}\nrules: {{ .rules }}", "1:7", "{{ .mode }}", render],
      ["{{- if .Values.x }}\nmode: ENFORCE\n{{- end }}", "1:1", "{{- if .Values.x }}", render],
    ];
    for (const [text, place, written, remedy] of wrong) {
      const told = `${written} is still to be filled in here, and until then this is not YAML [yaml-syntax]\n    ${remedy}\n`;
      const { output } = istioNats(["check", "-"], `${text}\n`);
      assert.equal(output, `<stdin>:${place}: error: ${told}1 error\n`);
    }
    const before = istioNats(["check", "-"], "limits: [a: b: c]\nmode: {a: ${MODE}, b}\nrules: [${A}]\n").output;
    assert.match(
      before,
      /^<stdin>:1:\d+: error: (?:(?!still).)*\n.*\n<stdin>:2:11: error: \$\{MODE\} is still .*\n.*\n2 errors\n$/,
    );
    const indented = istioNats(["check", "-"], "mode: ENFORCE\n\trules: [${A}]\n").output;
    assert.match(
      indented,
      /^<stdin>:2:1: error: Tabs are not allowed as indentation \[yaml-syntax\]\n {4}write spaces instead\n1 error\n$/,
    );
  });

  it("says what is wrong on a line with something to fill in where that is not why", () => {
    for (const [text, told] of [
      ["mode: ENFORCE\nmode: ${MODE}\n", '2:1: error: the key "mode" is already in this map'],
      ['rules:\n  - name: a\n   mode: "${MODE}"\n', "3:1: error: Sequence item without - indicator"],
      ["rules:\n  - name: a\n   mode: {{ .mode }}\n", "3:1: error: Sequence item without - indicator"],
      ['mode: "${MODE}" x\n', "1:17: error: Unexpected scalar at node end"],
      ["mode: ${MODE}: x\n", "1:7: error: Nested mappings are not allowed in compact mappings"],
    ])
      assert.equal(
        istioNats(["check", "-"], text).output.replace(/\n {4}.*/, ""),
        `<stdin>:${told} [yaml-syntax]\n1 error\n`,
        text,
      );
  });

  it("says one thing of a map whose first line is indented further, whatever the number of its lines", () => {
    const { output } = istioNats(
      ["check", "-"],
      "limits:\n    payload: 1\n  memory: 1\n  headers: 1\n  subscriptions: 1\n",
    );
    const remedy = "indent this line like those before it that belong to the same map or list";
    assert.match(output, /^<stdin>:3:1: error: All mapping items must start at the same column \[yaml-syntax\]\n/);
    assert.ok(output.endsWith(`]\n    ${remedy}\n1 error\n`), output);
  });

  it("says of a line that is indented less or more than its list, of brackets, quotes and colons what to write, and one thing only", () => {
    const indent = "indent this line like those before it that belong to the same map or list";
    const rule = 'rules:\n  - name: a\n    from: [{ principals: ["*"] }]\n';
    for (const [text, place, remedy] of [
      ["deny:\n    - x\n   - y\n", "3:1", indent],
      [`${rule} - name: b\n   from: [{ namespaces: [shop] }]\n`, "4:1", indent],
      [`${rule}    - name: b\n      from: [{ namespaces: [shop] }]\n`, "4:1", indent],
      ["rules:\n  - name: a\n   from: []\n", "3:1", indent],
      ["mode:ENFORCE\ntrustDomains: [a]\n", "1:1", "write a blank behind the colon"],
      [`${rule}    publish:{ allow: [x] }\n`, "4:26", "write a blank behind the colon"],
      ["rules: { allow: [x }\nmode: ENFORCE\n", "1:20", "write the ] that is missing before this"],
      [
        "rules: { allow: [x]\nmode: ENFORCE\n",
        "2:1",
        "write the } that is missing before this, or indent this line further if it belongs inside",
      ],
      ['mode: "ENFORCE\ntrustDomains: [a]\n', "1:7", "write the quotation mark that ends it"],
      ["a: ['b', 'c]\nd: e\n", "1:10", "write the quotation mark that ends it"],
      [
        `${rule}    publish:\n    allow: [x]\n    subscribe:\n    allow: [y]\n`,
        "7:5",
        "indent this line further if it belongs to subscribe, which is empty here; otherwise write the key once",
      ],
      ["mode: ENFORCE\nmode: DRY_RUN\n", "2:1", "write the key once, with all that belongs to it"],
      ...[" ---", "----", "--"].map((line) => {
        const object = "apiVersion: v1\nkind: Service\nmetadata: { name: a }\n";
        return [`${object}${line}\n${object}`, "4:1", "write --- at its beginning, and nothing else"] as const;
      }),
    ] as const) {
      const { output } = istioNats(["check", "-"], text);
      assert.ok(output.startsWith(`<stdin>:${place}: error: `), output);
      assert.ok(output.endsWith(` [yaml-syntax]\n    ${remedy}\n1 error\n`), output);
    }
  });

  it("says what to write where a value has another type than it seems to have, or its keys stand elsewhere", () => {
    const rule = "rules: [{name: r, from: [{namespaces: [shop]}], ";
    const source = "{principals: [cluster.local/ns/shop/sa/api]}";
    const wrong: [policy: string, remedy: string][] = [
      ['limits: {payload: "1000"}', "write 1000 without quotes"],
      ["limits: {memory: 64Mi}", "write 67108864, which is the number of bytes"],
      ["limits: {payload: 8MB}", "write 8388608, which is the number of bytes"],
      ["limits: {memory: 64Li}", "correct the pluginConfig here"],
      [`${rule}allow_responses: "true"}]`, "write true without quotes"],
      [`${rule}allow_responses: {max: "2"}}]`, "write 2 without quotes"],
      [`${rule}allow_responses: {expires: 5}}]`, "write 5s if that is seconds"],
      [`${rule}publish: {allow: "a.>, b"}}]`, 'write each as an element of its own: ["a.>", "b"]'],
      [`${rule}publish: {allow: a - b}}]`, 'write each as an element of its own: ["a", "b"]'],
      [
        `${rule}subscribe: {allow: [a - b]}}]`,
        'write each as an element of its own, with the dashes in one column: "a", "b"',
      ],
      [`${rule}publish: orders.>}]`, 'write {allow: ["orders.>"]}'],
      [`${rule}publish: ALL}]`, "write {allow: ALL}"],
      [`${rule}subscribe: [orders.>]}]`, "write allow: before the list, below this key"],
      [`${rule}subscribe: [{allow: [a]}]}]`, "remove the dash before allow or deny"],
      [
        `${rule}publish: {allow: ["<no value>.>"]}}]`,
        "give the template the value that is missing here, and render it again",
      ],
      [`${rule}publish: {allow: All}}]`, "write ALL, in capitals, if you mean every subject"],
      [`${rule}publish: {deny: all}}]`, 'write [">"] if you mean every subject'],
      [`${rule}publish: {allow: "*"}}]`, 'write [">"] if you mean every subject, ["*"] if you mean those of one token'],
      [`${rule}subscribe: {allow: [{subject: a.>, queue: q}]}}]`, 'write "a.> q"'],
      [`${rule}publish: {allow: [42]}}]`, 'write it in quotes: "42"'],
      [`${rule}permissions: {publish: {allow: [a]}}}]`, "remove permissions, and write what is below it in its place"],
      [`${rule}allow: [a]}]`, "move allow below publish or subscribe"],
      [
        `${rule}subscribe: {allow: [a], queue: q}}]`,
        'write the queue group behind its subject, with a blank between them: "orders.> workers"',
      ],
      [`${rule}allow_responses: {ttl: 5s}}]`, "write expires, as ttl is called here"],
      [
        `${rule}to: [{operation: {ports: ["4222"]}}]}]`,
        "remove it here; an AuthorizationPolicy judges addresses and ports, before the filter judges subjects",
      ],
      [
        "rules: [{name: r, from: [{ipBlocks: [10.0.0.0/8]}]}]",
        "remove it here; an AuthorizationPolicy judges addresses and ports, before the filter judges subjects",
      ],
      [
        'rules: [{name: r, from: [{requestPrincipals: ["*"]}]}]',
        "remove it: a connection of NATS carries no JWT that Istio reads; write principals",
      ],
      [`${rule}deny: [a]}]`, "move deny below publish or subscribe"],
      [`rules: [{name: r, from: [{source: ${source}}]}]`, "remove source, and write what is below it in its place"],
      [`rules: [{name: r, from: ${source}}]`, "write a dash before its first key, which makes a list of it"],
      [`rules: {name: r, from: [${source}]}`, "write a dash before its first key, which makes a list of it"],
      [
        `rules: {api: {from: [${source}]}, web: {from: [${source}]}}`,
        "write each rule as an element of a list, with its name in it: - name: api",
      ],
      ["rules: [{name: r, from: [shop/api]}]", 'write {serviceAccounts: ["shop/api"]}'],
      [
        "rules: [{name: r, from: [cluster.local/ns/shop/sa/api]}]",
        'write {principals: ["cluster.local/ns/shop/sa/api"]}',
      ],
      ['rules: [{name: r, from: "*"}]', 'write [{principals: ["*"]}] for every authenticated peer'],
      ["rules: [{name: r, from: ALL}]", 'write [{principals: ["*"]}] for every authenticated peer'],
      ["rules: [{name: r, from: shop/api}]", 'write [{serviceAccounts: ["shop/api"]}]'],
      ["rules: [{name: r, from: shop}]", 'write [{namespaces: ["shop"]}]'],
      ["rules: [{name: r, from: [shop]}]", 'write {namespaces: ["shop"]}'],
      ["rules: [{name: r, from: [ALL]}]", 'write {principals: ["*"]} for every authenticated peer'],
      [
        "rules: [{name: r, from: spiffe://cluster.local/ns/shop/sa/api}]",
        'write [{principals: ["cluster.local/ns/shop/sa/api"]}]',
      ],
      ["rules: [{name: r, from: ['{principals: [\"*\"]}']}]", "write it without quotes around it"],
      ["rules: [{name: r, from: [{principals: ALL}]}]", 'write ["*"]'],
      ['rules: [{name: r, from: [{principals: "*"}]}]', 'write ["*"]'],
      ["rules: [{name: r, from: [{serviceAccounts: shop/api}]}]", 'write ["shop/api"]'],
      ['rules: [{name: r, from: [{namespaces: "shop, web"}]}]', 'write each as an element of its own: ["shop", "web"]'],
      ["trustDomains: cluster.local", 'write ["cluster.local"]'],
      ["telemetry: {subjects: [{name: a, patterns: a.>}]}", 'write ["a.>"]'],
      [`${rule}publish: {deny: a.>}}]`, 'write ["a.>"]'],
      [`${rule}publish: {allow: '["a.>"]'}}]`, "write the list without quotes around it"],
      [
        `${rule}publish: {allow: [.API.>]}}]`,
        "write its first token; a shell and envsubst leave nothing of $JS or $KV, which they take for variables",
      ],
      ["trustDomains: ", "write a value"],
      ["rules: [{name: r, from: }]", "write a value"],
      ["configuration: {rules: []}", "remove configuration, and write what is below it in its place"],
      ["policy: [{rules: []}]", "remove policy, and write what is below it in its place"],
    ];
    for (const [policy, remedy] of wrong) {
      const { output } = istioNats(["check", "-"], `{mode: ENFORCE, ${policy}}\n`);
      assert.ok(output.includes(`[policy-fault]\n    ${remedy}\n`), `${policy}\n${output}`);
    }
    const key =
      "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: a}\nspec:\n  pluginConfig:\n";
    const policyText = "|\n      trustDomains: [cluster.local]\n      rules: []\n";
    for (const text of [key.replace(/\n$/, ` ${policyText}`), `policy: ${policyText}`])
      assert.match(
        istioNats(["check", "-"], text).output,
        /found a string .*\n {4}remove the \|, which makes a text of /,
      );
    assert.match(istioNats(["check", "-"], key).output, /\n {4}write mode, trustDomains and rules below the key\n/);
  });

  it("takes for keys of a policy those that the filter takes", () => {
    const { findings } = check("qqqqqqqq: 1\nrules: []\n");
    const [, keys = ""] = /the keys here are (.*)$/.exec(findings[0]!.message) ?? [];
    assert.deepEqual(keys.split(/, | or /), POLICY_KEYS);
  });

  it("names a key called configuration, which is also the filter's word for the whole", () => {
    const { findings } = check("configuration: {}\ntrustDomains: [a]\nrules: []\n");
    assert.deepEqual(
      findings.map(({ line, message }) => [line, message.split(":", 2).join(":")]),
      [
        [1, "configuration: unknown key"],
        [3, "rules: is empty, which refuses everybody"],
      ],
    );
  });

  it("tells of a rule with a fault nothing that is none once the fault is mended", () => {
    const whole = { subscribe: { allow: ["a"] } };
    for (const rule of [
      { ...RULE, publish: undefined, pub: { allow: ["a"] } },
      { ...RULE, publish: ["a"] },
      { ...RULE, publish: undefined, permissions: { publish: { allow: ["a"] } } },
      { ...RULE, ...whole, from: [{ serviceAccounts: ["api"], namespaces: ["shop"] }] },
    ]) {
      const { output } = istioNats(["check", "-"], JSON.stringify({ ...SOUND, rules: [rule] }));
      assert.match(output, /: error: /);
      assert.doesNotMatch(output, /warning/);
    }
  });

  it("knows wildcards of other brokers, and what templates, editors and the audit leave, for the text that they are", () => {
    const wildcards = "write * for one whole token, or > for all tokens from that point on";
    const read: [subject: string, remedy: string | undefined][] = [
      ["orders.#", "write > instead of #"],
      ["orders.+.created", "write * instead of +"],
      ["#.created", wildcards],
      ["orders/+/created", "write orders.*.created"],
      ["orders/#", "write orders.>"],
      ["+/created", "write *.created"],
      ["/orders/+", "write /.orders.*"],
      ["/#", "write /.>"],
      ["a+b/+/x#", "write a+b.*.x#"],
      ["orders//+", "write orders./.*"],
      ["orders/#/created", undefined],
      ["orders/a+b", undefined],
      ["orders.%!s(<nil>)", "give the template the value that is missing here, and render it again"],
      ["“orders.admin.>”", 'write it without them, or in plain ones: "…"'],
      ["orders.admin.>\u00a0", "write it anew"],
      ["orders.a#", undefined],
      ["${PREFIX}.>", undefined],
      ['{"cmd":"sum","service":"math"}', undefined],
      ['{"cmd":"sum","keys":["a","b"]}', undefined],
      ['{"a":{"b":1,"c":2}}', undefined],
      [String.raw`{"cmd":"say\"a\",b"}`, undefined],
      ['{"cmd":"sum"},orders', "write each subject as an entry of its own, in quotes if necessary"],
      ["orders.a;orders.b", "write each subject as an entry of its own, in quotes if necessary"],
      ['{"cmd":"a;b"}', undefined],
      ['{"cmd":"*","v":1}', wildcards],
      [String.raw`{\"cmd\":\"sum\"}`, 'write {"cmd":"sum"}'],
      [String.raw`{\"path\":\"a\\\\b\"}`, String.raw`write {"path":"a\\b"}`],
      [String.raw`orders\new`, undefined],
    ];
    for (const [subject, remedy] of read) {
      const policy = { ...SOUND, rules: [{ ...RULE, publish: { allow: ["orders.>"], deny: [subject] } }] };
      const { output } = istioNats(["check", "-"], JSON.stringify(policy));
      const said = remedy === undefined ? undefined : `[subject-literal-wildcard]\n    ${remedy}\n`;
      assert.ok(said === undefined ? !output.includes("warning") : output.includes(said), output);
    }
  });

  it("says of an entry that goes on in the next line, for want of a comma or a dash, what YAML makes of both", () => {
    const told = (operation: string): string[] => {
      const text = `trustDomains: [cluster.local]
rules:
  - name: a
    from: [{ namespaces: [shop] }]
    publish: { allow: [x] }
    ${operation}
`;
      const { findings } = checkPolicies([sourceOf(text)], filter, "default");
      return findings.map(({ id, place, remedy }) => `${place.line}:${place.column} ${id}: ${remedy}`);
    };
    const each = 'subject-literal-wildcard: write each as an entry of its own: "a.b", "c.>"';
    assert.deepEqual(told("subscribe: { allow: [_INBOX.>], deny: [ a.b\n       c.> ] }"), [`6:45 ${each}`]);
    assert.deepEqual(told('subscribe:\n      allow:\n        - "a.b\n          c.>"'), [`8:11 ${each}`]);
    // Whoever writes YAML by a library gets a long entry with a queue group so, too.
    assert.deepEqual(told("subscribe: { allow: [ a.b\n      workers ] }"), []);
    assert.deepEqual(told("subscribe: { allow: [ a.b c.> ] }"), []);
    assert.deepEqual(
      told("subscribe: { allow: [ a ], deny: [ b ] }\n  - name: b\n    from: [{ namespaces: [shop\n      pay] }]"),
      [
        "7:5 policy-fault: correct the pluginConfig here",
        '8:27 policy-fault: write each line as an element of its own: "shop", "pay"',
      ],
    );
  });

  it("does not tell to write a text as a list, or as a source, that would be another fault or match nobody", () => {
    for (const policy of [
      "rules: ALL",
      "telemetry: {subjects: a.>}",
      "trustDomains: '*'",
      "trustDomains: ''",
      "rules: [{name: r, from: 'shop/api, shop/web'}]",
      "rules: [{name: r, from: ['shop/api, shop/web']}]",
    ]) {
      const { output } = istioNats(["check", "-"], `{mode: ENFORCE, ${policy}}\n`);
      assert.match(output, /found a string \[policy-fault\]\n {4}correct the pluginConfig here\n/, policy);
    }
  });

  it("says how NATS writes a subject of its own that lacks its first character", () => {
    for (const [written, right] of [
      ["JS.API.STREAM.INFO.S", "$JS.API.STREAM.INFO.S"],
      ["_JS.ACK.S.c.>", "$JS.ACK.S.c.>"],
      ["INBOX.>", "_INBOX.>"],
      ["$INBOX.api.>", "_INBOX.api.>"],
    ] as const) {
      const policy = { ...SOUND, rules: [{ ...RULE, publish: { allow: [written] } }] };
      const { output } = istioNats(["check", "-"], JSON.stringify(policy));
      assert.ok(output.includes(`[subject-case]\n    write ${right}, unless `), output);
    }
  });

  it("says which principal a workload has where another of its names is written", () => {
    const write = "write cluster.local/ns/shop/sa/api";
    for (const [principal, id] of [
      ["system:serviceaccount:shop:api", "principal-shape"],
      ["ns/shop/sa/api", "principal-foreign"],
      ["cluster.local/ns/shop/sa/api ", "principal-shape"],
      ["/ns/shop/sa/api", "principal-shape"],
    ] as const) {
      const policy = { ...SOUND, rules: [{ ...RULE, from: [{ principals: [principal] }] }] };
      const { output } = istioNats(["check", "-"], JSON.stringify(policy));
      assert.ok(output.includes(`[${id}]\n    ${write}\n`), output);
    }
    const policy = { ...SOUND, rules: [{ ...RULE, from: [{ principals: ["/ns/shop/*"] }] }] };
    const { output } = istioNats(["check", "-"], JSON.stringify(policy));
    assert.ok(output.includes("[principal-shape]\n    write cluster.local/ns/shop/*\n"), output);
  });
});
