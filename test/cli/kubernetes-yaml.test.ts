import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { before, describe, it } from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import { documentsOf, KUBERNETES_YAML, parseFirst } from "../../cli/manifests/kubernetes-yaml.ts";
import { readManifests } from "../../cli/manifests/read.ts";
import { buildGo } from "../../tools/go.ts";
import { doctor, istioNats, sourceOf } from "./support.ts";

/** What go-yaml's table contains, the numbers that Go and YAML write, and what only looks like one. */
const SCALARS = [
  ["y", "Y", "yes", "Yes", "YES", "yEs", "true", "True", "TRUE", "tRUE", "on", "On", "ON", "oN"],
  ["n", "N", "no", "No", "NO", "nO", "false", "False", "FALSE", "off", "Off", "OFF", "oFF", "t", "f"],
  ["~", "null", "Null", "NULL", "nULL", "", ".nan", ".NaN", ".inf", ".Inf", "+.inf", "-.INF", "inf", "NaN"],
  ["0", "-0", "+0", "1", "-1", "+1", "00", "01", "007", "08", "09", "0100", "-0100", "+017", "0777", "0888"],
  ["0o17", "0O17", "-0o17", "0o8", "0x1F", "0X1f", "-0x1f", "0x", "0xg", "0b101", "0B1", "-0b11", "0b2", "0b"],
  [
    "1_000",
    "67_108_864",
    "1__0",
    "1_",
    "_1",
    "-_1",
    "+_",
    "0_7",
    "0x_f",
    "0x1_f",
    "1_0.5_0",
    ".5_0",
    ".5_",
    "._5",
    ".5_e1",
    ".5e1_0",
    "0_8",
  ],
  ["1.5", "1.", ".5", "-.5", "+.5", ".", "..", "-", "+", "1e3", "1E3", "1e+3", "1e-3", "1e", "1.e3", ".e3", ".5e1"],
  [
    "1e400",
    ".1e400",
    "-1e400",
    "9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "0777777777777777777777777",
  ],
  ["0xFFFFFFFFFFFFFFFF", "0xFFFFFFFFFFFFFFFFF", "-0x8000000000000001", "1.5.5", "1:20", "12:30:45", "190:20:30.15"],
  [
    "2001-01-01",
    "2001-1-2",
    "2001-12-14t21:59:43.10-05:00",
    "5s",
    "250ms",
    "64Mi",
    "1e3s",
    "1 2",
    "a",
    "orders.>",
    "*x*",
  ],
  ['"no"', "'0100'", '"1_000"', "!!str no", "!!str 0100", "<<", "=", "1,5", "0x1p3", "1e5_0", "+0x1F", "+1.5", "-1_0"],
].flat();

type Reading = { value: unknown } | { error: string };

let command: string;

before(async () => {
  command = await buildGo("tools/go-deploy/kubernetes-yaml");
});

/** The verdicts of the library with which kubectl, Helm and Istio read YAML. */
function readings(documents: readonly string[]): Reading[] {
  const { stdout, stderr, status } = spawnSync(command, { input: JSON.stringify(documents), encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Reading[];
}

function ours(document: string): Reading {
  try {
    return { value: parse(document, KUBERNETES_YAML) as unknown };
  } catch (error) {
    return { error: String(error) };
  }
}

/** JavaScript writes -0 as 0. */
function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function assertAlike(document: string, theirs: Reading): void {
  const mine = ours(document);
  assert.equal("error" in mine, "error" in theirs, `${document}: ${JSON.stringify([mine, theirs])}`);
  if ("value" in mine && "value" in theirs) assert.deepEqual(asJson(mine.value), asJson(theirs.value), document);
}

describe("YAML as Kubernetes reads it", () => {
  it("reads every scalar as sigs.k8s.io/yaml does", () => {
    const documents = SCALARS.filter((scalar) => scalar !== "*x*").map((scalar) => `a: ${scalar}\n`);
    readings(documents).forEach((theirs, index) => assertAlike(documents[index]!, theirs));
  });

  it("reads every key and every word of a list in the same way", () => {
    const keys = ["no", "y", "0100", "4222", "1_000", "true", '"no"', "a.b"];
    const documents = [...keys.map((key) => `{${key}: 1}\n`), "[no, y, 0100, 1_000, on, ~, a]\n"];
    readings(documents).forEach((theirs, index) => assertAlike(documents[index]!, theirs));
  });

  it("reads aliases, and members from merge keys before and after a map's own, in the same way", () => {
    const anchors = "x: &x {a: 1, b: 1, c: 1}\ny: &y {b: 2, c: 2, d: 2}\nz: &z [1, *x]\n";
    const documents = [
      "m: {<<: *x, a: 0}\n",
      "m: {a: 0, <<: *x}\n",
      "m: {<<: [*x, *y], d: 0}\n",
      "m: {c: 0, <<: [*y, *x, {e: 5}]}\n",
      "m: {<<: {<<: *x, b: 9}, f: *z}\n",
      "x: &x 5\nm: [*x, &x 6, *x]\n",
    ].map((text) => (text.startsWith("x:") ? text : anchors + text));
    readings(documents).forEach((theirs, index) => {
      const { others } = readManifests(sourceOf(documents[index]!), "default");
      assert.ok("value" in theirs);
      assert.deepEqual(others[0]?.plain(), theirs.value, documents[index]);
    });
  });

  it("refuses aliases and merges where that library does", () => {
    const documents = [
      "a: *b\n",
      "a: &a [*a]\n",
      "x: &x 5\nm: {<<: *x}\n",
      "m: {<<: 5}\n",
      "x: &x [1]\nm: {<<: [*x]}\n",
      "x: &x [{}]\nm: {<<: *x}\n",
    ];
    readings(documents).forEach((theirs, index) => {
      assert.ok("error" in theirs, documents[index]);
      assert.deepEqual(
        readManifests(sourceOf(documents[index]!), "default").problems.map(({ kind }) => kind),
        ["aliases"],
        documents[index],
      );
    });
  });

  it("reads any combination of digits, signs, dots and underscores in the same way", () => {
    const number = fc.stringMatching(/^[0123789+\-._eExXoObBaFin]{1,8}$/);
    const documents = fc.sample(number, { numRuns: 3000, seed: 7 }).map((text) => `a: ${text}\n`);
    readings(documents).forEach((theirs, index) => {
      // `a: - b` and the like are not scalars, and each library has its own words for them.
      if (!/^a: [-?]?$/.test(documents[index]!.trimEnd())) assertAlike(documents[index]!, theirs);
    });
  });
});

/** Text on which two readers may disagree: characters that one of them skips, tabs, tags, keys, and text in brackets. */
const PIECES = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...[
        "a",
        "b",
        "1",
        "no",
        "a: ",
        "b: ",
        "c: ",
        "- ",
        "\n",
        "\n",
        "\n  ",
        "\n    ",
        " ",
        "? ",
        ": ",
        "# x",
        "&a ",
        "*a",
      ],
      ...[
        "*a : ",
        "<<: ",
        '"<<": ',
        "'",
        '"',
        "[",
        "]",
        "{",
        "}",
        ", ",
        "|\n  ",
        ">\n  ",
        "~",
        "~: ",
        "...\n",
        "\n...\n",
        "a:",
        "b?",
        "?",
        ":",
      ],
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ...["\u0085", "\u2028", "\u2029", "\r", "\r\n", "\t", "\n\t\n", "\n\t", "\n  \t\n", "\n  \t# x\n"],
      ...["\ufeff", "\0", "\x7f", "\xa0"],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom("!!str ", "!!seq ", "!!int ", "!!binary ", "!!merge ", "!x ", "! ", "%YAML 1.2\n"),
  },
);

/** The finding's place and kind, and its message. */
function problemsOf(text: string): string[] {
  const { problems } = readManifests(sourceOf(text), "default");
  return problems.map(({ kind, place, message }) => `${place.line}:${place.column} ${kind} ${message}`);
}

const POLICY =
  'trustDomains: [cluster.local]\nrules:\n- name: r\n  from: [{principals: ["*"]}]\n  publish: {allow: [a]}\n';

describe("a text of which one document is read", () => {
  it("is the first, whatever follows", () => {
    const texts = [
      "a: 1\n---\n",
      "---\na: yes\n...\n",
      "a: 1\n---\nb: 2\n",
      "a: 1\n---\nb: c: d\n",
      "",
      "---\n",
      "# x\n",
    ];
    for (const [index, theirs] of readings(texts).entries())
      assert.deepEqual({ value: asJson(parseFirst(texts[index] ?? "")) }, theirs, texts[index]);
    assert.throws(() => parseFirst("a: b: c\n---\n"));
    assert.ok("error" in (readings(["a: b: c\n---\n"])[0] ?? {}));
  });
});

describe("a text that kubectl reads otherwise than it looks", () => {
  it("is refused, or read as kubectl reads it, whatever it contains", () => {
    const texts = fc.array(PIECES, { minLength: 1, maxLength: 12 }).map((pieces) => `${pieces.join("")}\n`);
    const documents = fc.sample(texts, { numRuns: 20_000, seed: 7 });
    let alike = 0;
    readings(documents).forEach((theirs, index) => {
      const { problems, others } = readManifests(sourceOf(documents[index]!), "default");
      const [root] = others;
      // A text by itself is not a manifest, and what kubectl refuses cannot be carried out.
      if (problems.length > 0 || "error" in theirs || typeof root?.plain() !== "object") return;
      assert.equal(others.length, 1, JSON.stringify(documents[index]));
      assert.deepEqual(asJson(root.plain()), theirs.value, JSON.stringify(documents[index]));
      alike++;
    });
    assert.ok(alike > 400, String(alike));
  });

  it("is refused at a line break within a comment", () => {
    for (const [lineBreak, name] of [
      ["\u0085", "U+0085"],
      ["\u2028", "U+2028"],
      ["\u2029", "U+2029"],
      ["\r", "a carriage return by itself"],
    ] as const) {
      const hidden = `${POLICY}  # narrow${lineBreak}  replies: ANY\n`;
      const [theirs] = readings([hidden]);
      assert.match(JSON.stringify(theirs), /"replies":"ANY"/);
      assert.deepEqual(problemsOf(hidden), [`6:11 syntax ${name} is here, and kubectl begins a new line at it`]);
      for (const command of ["check", "doctor"]) assert.equal(istioNats([command, "-"], hidden).status, 1, name);
    }
    const { output } = istioNats(["check", "-"], `${POLICY}# \u2028mode: DRY_RUN\n`);
    assert.match(output, /^<stdin>:6:3: error: .*\n {4}write a line break, or the escape \\u2028 in double quotes$/m);
  });

  it("is not refused if it is JSON, or the character is an escape", () => {
    assert.deepEqual(problemsOf('{"a": "b\u2028c"}'), []);
    assert.deepEqual(problemsOf('a: "b\\u2028c"\r\nd: 1\r\n'), []);
  });

  it("is not refused for a byte order mark behind a line ---, where kubectl cuts it", () => {
    const mark = "\ufeff";
    // What kubectl has read by itself is the piece behind the cut.
    for (const cut of ["---", "--- ", "---\r", "--- # x"])
      for (const piece of [
        "b: 2\nc: 3\n",
        "# x\nb: 2\nc: 3\n",
        "\nb: 2\nc: 3\n",
        "---\nb: 2\nc: 3\n",
        '{"b": 2, "c": 3}\n',
      ]) {
        assert.deepEqual(readings([mark + piece]), [{ value: { b: 2, c: 3 } }], piece);
        const text = `a: 1\n${cut}\n${mark}${piece}`;
        const { problems, others } = readManifests(sourceOf(text), "default");
        assert.deepEqual(problems, [], text);
        assert.deepEqual(
          others.map((other) => other.plain()),
          [{ a: 1 }, { b: 2, c: 3 }],
          text,
        );
      }
    assert.equal(readManifests(sourceOf(`a: 1\n---\n${mark}b: 2\n`), "default").others[1]?.placeOf("b").column, 4);
  });

  it("is refused for a byte order mark in any other place at which a line begins", () => {
    const mark = "\ufeff";
    const message = "syntax the invisible character U+FEFF is here, and kubectl does not ignore it";
    for (const piece of [`a: 1\n${mark}b: 2\n`, `---\n${mark}b: 2\n`]) {
      assert.match(JSON.stringify(readings([piece])), new RegExp(`"${mark}b":2`));
      assert.deepEqual(problemsOf(piece), [`2:1 ${message}`], piece);
      // The piece may follow others, and the second mark of two be left.
      assert.deepEqual(problemsOf(`c: 1\n---\n${piece}`), [`4:1 ${message}`], piece);
    }
    const [theirs] = readings([`${mark}${mark}kind: 1\napiVersion: 2\n`]);
    assert.match(JSON.stringify(theirs), /"piVersion"/);
    assert.deepEqual(problemsOf(`a: 1\n---\n${mark}${mark}kind: 1\napiVersion: 2\n`), [`3:1 ${message}`]);
  });

  it("is refused at a key that is not a text", () => {
    const cases: [text: string, expected: string][] = [
      ["a: &k replies\n*k : ANY\n", "2:1 syntax the alias *k is a key, but Kubernetes keys are strings"],
      ["? {a: 1}\n", "1:3 syntax a map is a key, but Kubernetes keys are strings"],
      ["? [a]\n: 1\n", "1:3 syntax a list is a key, but Kubernetes keys are strings"],
      ["~: 1\n", "1:1 syntax null is a key, but Kubernetes keys are strings"],
      ["a: {: 1}\n", "1:5 syntax null is a key, but Kubernetes keys are strings"],
    ];
    for (const [text, expected] of cases) assert.deepEqual(problemsOf(text), [expected], text);
  });

  it("is not refused for a merge key in quotes or with a tag: only a plain << merges", () => {
    const quoted = 'm: &m {b: 1}\n"<<": *m\n';
    const { others } = readManifests(sourceOf(quoted), "default");
    assert.deepEqual([{ value: others[0]?.plain() }], readings([quoted]));
    for (const tag of ["!!merge", "!!str", "!"]) {
      const [problem, ...more] = problemsOf(`m: &m {b: 1}\n${tag} <<: *m\n`);
      assert.match(problem!, /^2:\d+ syntax kubectl may take << with the tag /);
      assert.deepEqual(more, []);
    }
  });

  it("is refused at a value to which a tag gives another meaning there", () => {
    assert.match(problemsOf("mode: !!binary RFJZX1JVTg==\n")[0]!, /^1:16 syntax .* the tag !!binary /);
    assert.deepEqual(problemsOf("a: !!str 1\nb: !!map {}\n"), []);
  });

  it("is refused at the place where kubectl refuses it", () => {
    const cases: [text: string, place: string][] = [
      ["a: 1\n\t\nb: 2\n", "2:1"],
      ["a:\n  \t\n  b: 2\n", "2:3"],
      ["a: 1\n\t# x\nb: 2\n", "2:1"],
      ["a: 'x'\n\t\n", "2:1"],
      ["\t\na: 1\n", "1:1"],
      ["c:\n\t\n", "2:1"],
      ["a:\n-\t1\n", "2:2"],
      ["%YAML 1.2\n---\na: 1\n", "1:1"],
      ["a: \x07\n", "1:4"],
      ["publish: {allow:[orders.>]}\n", "1:16"],
      ["match: [{ports:[{number:4222}]}]\n", "1:15"],
      ["a: {b :[c]}\n", "1:7"],
      ["a: [b?]\n", "1:6"],
      ["a: [:b]\n", "1:5"],
    ];
    readings(cases.map(([text]) => text)).forEach((theirs, index) => {
      const [text, place] = cases[index]!;
      assert.ok("error" in theirs, text);
      assert.ok(
        problemsOf(text)[0]?.startsWith(`${place} syntax `),
        `${JSON.stringify(text)} ${problemsOf(text).join()}`,
      );
    });
  });

  it("is refused at an escape of JSON in double quotes", () => {
    const slash = "syntax kubectl refuses the escape \\/, which only JSON has";
    const half = (escape: string): string => `syntax kubectl refuses the escape ${escape}, which is half a character`;
    const cases: [text: string, expected: string[]][] = [
      ['a: "http:\\/\\/x"\n', [`1:10 ${slash}`, `1:12 ${slash}`]],
      ['a: "\\ud83d\\uDE00"\n', [`1:5 ${half("\\ud83d")}`, `1:11 ${half("\\uDE00")}`]],
      ['a:\n  - &x "\\\\\\/"\n', [`2:11 ${slash}`]],
      ["{\"\\/\": '\\/'}\n", [`1:3 ${slash}`]],
      ['a: "\\U0000d800"\n', [`1:5 ${half("\\U0000d800")}`]],
    ];
    readings(cases.map(([text]) => text)).forEach((theirs, index) => {
      const [text, expected] = cases[index]!;
      assert.match("error" in theirs ? theirs.error : "", /unknown escape character|invalid Unicode character escape/);
      assert.deepEqual(problemsOf(text), expected);
    });
    const { output } = istioNats(["check", "-"], `${POLICY}audit: {a: "\\/", b: "\\ud83d"}\n`);
    assert.match(output, /^<stdin>:6:13: error: .*\n {4}write \/ without the backslash$/m);
    assert.match(output, /^<stdin>:6:22: error: .*\n {4}write the character itself$/m);
    // kubectl has a reader for JSON, which has these escapes.
    assert.deepEqual(problemsOf('{"a": "http:\\/\\/x \\ud83d\\ude00"}'), []);
  });

  it("has every other escape of YAML in double quotes", () => {
    const characters = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).filter(
      (one) => one !== "'",
    );
    const digits = ["x41", "u0041", "uD7FF", "uE000", "U0001F600", "U0010FFFF", "U00110000", "x4", "u00", "\n  b"];
    const texts = [...characters, ...digits].map((escape) => `a: "\\${escape}"\n`);
    readings(texts).forEach((theirs, index) => {
      const text = texts[index]!;
      const { problems, others } = readManifests(sourceOf(text), "default");
      assert.equal(problems.length > 0, "error" in theirs, text);
      if ("value" in theirs) assert.deepEqual(others[0]?.plain(), theirs.value, text);
    });
  });

  it("is refused in brackets where kubectl reads another key, and in no other place", () => {
    const message = "kubectl takes the colon here for a part of the key, since no blank follows it";
    for (const text of ["a: {b:, c: d}\n", "a: {b:}\n"]) {
      const [theirs] = readings([text]);
      assert.match(JSON.stringify(theirs), /"b:":null/);
      assert.deepEqual(problemsOf(text), [`1:6 syntax ${message}`]);
    }
    const { output } = istioNats(["check", "-"], `${POLICY}audit: {burst:[1]}\n`);
    assert.match(output, /^<stdin>:6:14: error: .*\n {4}write a blank after the colon$/m);
    const texts = [
      'a: {"b":[c], d: "e?", f: nats://g:1, h: i:j}\n',
      "a: b?\n",
      "a: {b:\n  [c]}\n",
      "a: :b\n",
      '{"a":["b?"]}',
    ];
    readings(texts).forEach((theirs, index) => {
      const { problems, others } = readManifests(sourceOf(texts[index]!), "default");
      assert.deepEqual(problems, [], texts[index]);
      assert.deepEqual({ value: others[0]?.plain() }, theirs, texts[index]);
    });
  });

  it("is not refused only because of tabs that kubectl skips", () => {
    const texts = ["a: 1\n  \t\nb: 2\n", "a: 1\n  \t# x\n  \t\n", "a: |\n  x\n  \t\n  y\n", "a: 1\t# x\n", "a:\t1\n"];
    readings(texts).forEach((theirs, index) => {
      const text = texts[index]!;
      const expected = text.includes("# x\n ") ? "error" : "value";
      assert.deepEqual(
        [problemsOf(text).length > 0 ? "error" : "value", Object.keys(theirs)[0]],
        [expected, expected],
        text,
      );
    });
  });

  it("is refused after a line `...`, because kubectl skips what follows", () => {
    assert.deepEqual(readings([`a: 1\n...\n${POLICY}`]), [{ value: { a: 1 } }]);
    assert.deepEqual(problemsOf(`a: 1\n...\n${POLICY}`), ["3:1 syntax kubectl ignores what follows the line ..."]);
    assert.deepEqual(problemsOf(`a: 1\n...\n---\n${POLICY}...\n`), []);
  });
});

const RULE = 'name: r, from: [{namespaces: [no]}], publish: {allow: [on, "off"]}';

describe("a word that is a boolean to Kubernetes", () => {
  it("is refused in a policy as in the cluster, with quotes as the remedy", () => {
    const { status, output } = istioNats(["check", "-"], `trustDomains: [cluster.local]\nrules: [{${RULE}}]\n`);
    assert.equal(status, 1);
    assert.match(output, /^<stdin>:2:40: error: rules\[0\]\.from\[0\]\.namespaces\[0\]: /m);
    assert.match(output, /^<stdin>:2:65: error: rules\[0\]\.publish\.allow\[0\]: /m);
    assert.match(output, /^ {4}Kubernetes reads no as false: write "no" if you mean the text$/m);
    assert.match(output, /^ {4}Kubernetes reads on as true: write "on" if you mean the text$/m);
    assert.ok(!output.includes("allow[1]"));
  });

  it("is also one in a pod", () => {
    const pod = (host: string): string =>
      `apiVersion: v1\nkind: Pod\nmetadata: {name: nats}\nspec:\n  hostNetwork: ${host}\n  containers: [{name: n, image: nats}]\n`;
    for (const [host, found] of [
      ["yes", true],
      ["no", false],
    ] as const)
      assert.equal(
        doctor(pod(host)).some(({ id }) => id === "client-port-uncaptured"),
        found,
        host,
      );
  });

  it("is a number in a policy if Kubernetes reads a number", () => {
    const limits = (memory: string): string =>
      `trustDomains: [cluster.local]\nlimits: {memory: ${memory}}\nrules: [{${RULE.replace("no", "a").replace("on,", "")}}]\n`;
    for (const memory of ["67108864", "67_108_864", "0400000000"])
      assert.equal(istioNats(["check", "-"], limits(memory)).status, 0, memory);
  });
});

describe("a document without anything", () => {
  it("is skipped beside a policy, as kubectl does", () => {
    for (const text of [`${POLICY}---\n`, `---\n${POLICY}`, `---\n# x\n---\n${POLICY}---\n---\n`]) {
      const { status, output } = istioNats(["check", "-"], text);
      assert.equal(status, 0, output);
      assert.match(output, /^<stdin>:\d:1: policy: accepted: .*\n$/);
    }
  });
});

describe("a key without a value", () => {
  it("is reported with what to write", () => {
    const { output } = istioNats(["check", "-"], `mode:\n${POLICY}`);
    assert.match(output, /^<stdin>:1:6: error: mode: .*\n {4}write a value, or remove the key$/m);
    const element = istioNats(["check", "-"], "trustDomains:\n  - cluster.local\n  -\nrules: []\n").output;
    assert.match(element, /^<stdin>:3:4: error: trustDomains\[1\]: .*\n {4}write a value, or remove the element$/m);
  });
});

describe("a number that JSON does not have", () => {
  it("is reported at its place, because kubectl refuses it", () => {
    const [finding] = doctor("apiVersion: v1\nkind: ConfigMap\ndata:\n  a: .nan\n");
    assert.deepEqual([finding!.id, finding!.place.line, finding!.place.column], ["yaml-syntax", 4, 6]);
  });
});

describe("a text with very many faults", () => {
  it("costs no stack trace for each of them", () => {
    const before = Error.stackTraceLimit;
    const [document] = documentsOf(`a: }${"{".repeat(2000)}`);
    assert.ok((document?.errors.length ?? 0) > 1000);
    assert.deepEqual(
      document?.errors.filter(({ stack = "" }) => stack.includes("\n    at ")),
      [],
    );
    assert.equal(Error.stackTraceLimit, before);
  });
});
