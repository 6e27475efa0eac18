import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Random } from "../host/random.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";
import { fixture, FIXTURES } from "./fixture.ts";
import { kinds } from "./sound-mesh.ts";
import { doctor, istioNats, placed, SERVICE, sourceOf } from "./support.ts";

const FOUND_IN_SERVICE = "6:11 port-not-tcp";

function places(text: string): string[] {
  return doctor(text).map(placed);
}

/** The milliseconds are those that this process computes. How long that takes also depends on what else the machine does. */
function within(milliseconds: number, work: () => void): void {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  const computed = (user + system) / 1000;
  assert.ok(computed < milliseconds, `${computed} ms`);
}

describe("a text that is not a manifest", () => {
  it("gives one finding with the place of the fault", () => {
    const cases: [text: string, expected: string][] = [
      ["a: [1, 2", "1:9 yaml-syntax"],
      ["a: 1\n  b: 2\n c: 3\n", "1:4 yaml-syntax"],
      ["spec:\n\tports: 1\n", "2:1 yaml-syntax"],
      ["a: @x", "1:4 yaml-syntax"],
      ["kind: Service\nkind: Pod\n", "2:1 yaml-syntax"],
      ["b: 1\na: *nowhere\n", "2:4 yaml-aliases"],
      ["- a: 'x\n", "1:6 yaml-syntax"],
    ];
    for (const [text, expected] of cases) assert.equal(places(text)[0], expected, text);
  });

  it("but two objects with no line between them gives one finding where the second begins", () => {
    const [found, ...others] = doctor(SERVICE + SERVICE.replace("nats", "other"));
    assert.deepEqual(
      [placed(found!), found!.remedy, others.length],
      ["7:1 yaml-syntax", "write a line --- between the two", 0],
    );
    assert.deepEqual(places("kind: Service\napiVersion: v1\nkind: Pod\n")[0], "3:1 yaml-syntax");
  });

  it("gives one finding for a tab that indents, not one for each line behind it", () => {
    assert.deepEqual(places(SERVICE.replace("\n  ports", "\n\tports").replace("spec:", "spec:\n  type: ClusterIP")), [
      "6:1 yaml-syntax",
    ]);
  });

  it("is named first in what is said to be missing, which it may hold", () => {
    const pods = kinds("StatefulSet").join();
    const missing = ["broker-without-plugin", "mtls-undeclared", "pod-not-in-service"];
    const remedies = (...texts: string[]): string[] =>
      doctor(pods, ...texts).flatMap(({ id, remedy }) => (missing.includes(id) ? [remedy] : []));
    assert.equal(remedies("a: [1").length, 3);
    for (const remedy of remedies("a: [1")) assert.match(remedy, /^look at a\.yaml:1:\d first, which .*; otherwise /);
    for (const remedy of remedies()) assert.doesNotMatch(remedy, /look at/);
    // Here the cause is known.
    const astray = kinds("Service").join().replace("{ app: nats }", "{ app: natz }");
    const [known] = remedies(astray, "a: [1").filter((remedy) => remedy.includes("selector"));
    assert.match(known ?? "", /^write labels of these pods into the selector of Service /);
  });

  it("does not move the places of what comes after it", () => {
    const broken = "spec:\n  a: { b: c }\n } phase: STATS\n  match: [{mode: SERVER}]\n";
    assert.equal(places(broken).at(-1), "3:2 yaml-syntax");
    assert.equal(places(`${broken}---\n${SERVICE}`).at(-1), "11:11 port-not-tcp");
  });

  it("but several objects of JSON, or an array of them, gives one finding that says how to make a List", () => {
    const object = { apiVersion: "v1", kind: "Service", metadata: { name: "nats" }, spec: { ports: [{ port: 4222 }] } };
    const [line, lines] = [JSON.stringify(object), JSON.stringify(object, null, 2)];
    const cases: [text: string, expected: string][] = [
      [`${line}\n${line}\n${line}\n`, "2:1 yaml-syntax"],
      [`${line}${line}`, `1:${line.length + 1} yaml-syntax`],
      [`${lines}\n${lines}\n`, `${lines.split("\n").length + 1}:1 yaml-syntax`],
      [JSON.stringify([object, object]), "1:1 yaml-syntax"],
    ];
    for (const [text, expected] of cases) {
      assert.deepEqual(places(text), [expected], text);
      assert.match(doctor(text)[0]!.remedy, /by jq (?:--slurp )?'\{apiVersion: "v1", kind: "List", items: \.\}'/);
    }
    assert.deepEqual(places(JSON.stringify({ apiVersion: "v1", kind: "List", items: [object] })).length, 1);
    assert.equal(doctor(`${line}x`)[0]!.remedy, "correct the text here");
  });

  it("does not hide the documents beside it", () => {
    assert.deepEqual(places(`a: 1\na: 2\n---\n${SERVICE}`), ["2:1 yaml-syntax", "9:11 port-not-tcp"]);
  });

  it("reports at most ten faults of a document", () => {
    const text = Array.from({ length: 100 }, () => "a: 1\n").join("");
    assert.equal(places(text).length, 10);
  });

  it("with arbitrary bytes causes no crash", () => {
    for (const text of [
      "",
      "\0",
      "\uFFFD\uFFFD",
      "%YAML 9.9\n---\na",
      "&a",
      "? \n:",
      "!!js/function x",
      "---\n---\n",
      "#\n",
      "\uFEFF",
    ])
      assert.doesNotThrow(() => doctor(text), JSON.stringify(text));
  });
});

describe("a text that is a trap", () => {
  it("of aliases that multiply is refused at the document that contains them", () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(", ")}]`,
    );
    const bomb = `---\nl0: &l0 [x]\n${levels.join("\n")}\n`;
    assert.deepEqual(places(`${SERVICE}${bomb}`), [FOUND_IN_SERVICE, "14:20 yaml-aliases"]);
    const [, finding] = doctor(`${SERVICE}${bomb}`);
    assert.match(finding!.message, /^the alias \*l5 makes the document grow beyond 16 MiB when aliases are expanded$/);
  });

  it("of long texts that aliases multiply is refused", () => {
    const text = `a: &a ${"x".repeat(1 << 20)}\nb: [${Array(20).fill("*a").join(", ")}]\n`;
    assert.match(places(text)[0] ?? "", /^2:\d+ yaml-aliases$/);
  });

  it("of an alias that leads back to itself, or to nothing, is refused there, by its name", () => {
    const [circle] = doctor("apiVersion: v1\nkind: X\na: &a\n  b: *a\n");
    assert.equal(placed(circle!), "4:6 yaml-aliases");
    assert.equal(circle!.message, "the alias *a is inside its own anchor");
    const [dangling] = doctor("b: 1\na: *nowhere\nc: &nowhere 1\n");
    assert.equal(placed(dangling!), "2:4 yaml-aliases");
    assert.equal(dangling!.message, "the alias *nowhere has no anchor &nowhere before it");
    assert.match(dangling!.remedy, /^write &nowhere before /);
  });

  it("of lists in lists ends with a finding", () => {
    for (const text of ["[".repeat(100_000), "{a: ".repeat(50_000), `a: ${"[".repeat(50_000)}${"]".repeat(50_000)}`]) {
      assert.match(places(text).join(), /^\d+:\d+ yaml-syntax$/);
      const [finding] = doctor(text);
      assert.equal(finding!.message, "nested too deeply to be read");
      assert.equal(finding!.remedy, "write it with fewer levels");
    }
  });

  it("of lines with two colons is not nested deeply, but wrong in each of them", () => {
    const found = doctor("a: b: c\n".repeat(3000));
    assert.deepEqual(
      found.map(placed),
      Array.from({ length: 10 }, (_, index) => `${index + 1}:4 yaml-syntax`),
    );
    for (const { message, remedy } of found)
      assert.deepEqual(
        [message, remedy],
        [
          "Nested mappings are not allowed in compact mappings",
          "write what follows the first colon in quotes, or the second key on a line of its own",
        ],
      );
  });

  it("of some hundred nats-servers takes seconds, not minutes", () => {
    const sound = fixture("selector-matches-nothing", "good");
    const texts = Array.from({ length: 300 }, (_, i) => sound.replaceAll("messaging", `m${i}`));
    within(20_000, () => {
      doctor(texts.join("\n---\n"));
    });
  });

  it("of a nats.conf with very many routes takes seconds, not a minute", () => {
    const sound = fixture("nats-route-nothing", "good");
    const route = / *nats:\/\/nats-0\..*\n/.exec(sound)![0];
    within(20_000, () => {
      doctor(sound.replace(route, route.repeat(16_000)));
    });
  });

  it("of a nats.conf with very many includes beside very many ConfigMaps and pods takes seconds, not minutes", () => {
    const object = (kind: string, name: string, more: object): string =>
      JSON.stringify({ apiVersion: "v1", kind, metadata: { name, namespace: "m" }, ...more });
    const containers = [{ name: "a", image: "a" }];
    const texts = Array.from({ length: 3000 }, (_, i) => [
      object("ConfigMap", `nats-${i}`, { data: { "nats.conf": "port: 4222\n", "a.conf": "" } }),
      object("Pod", `p${i}`, { spec: { containers, volumes: [{ configMap: { name: `c${i}` } }] } }),
    ]);
    const including = object("ConfigMap", "nats", { data: { "nats.conf": "include a.conf\n".repeat(3000) } });
    within(20_000, () => {
      doctor([including, ...texts.flat()].join("\n---\n"));
    });
  });

  it("of very many keys or aliases takes seconds, not minutes", () => {
    const keys = Array.from({ length: 200_000 }, (_, i) => `k${i}: 1\n`).join("");
    const aliases = `a: &a x\nb: [${Array(200_000).fill("*a").join(", ")}]\n`;
    // With quadratic time, either of them takes more than ten minutes.
    within(60_000, () => {
      assert.deepEqual(places(`${keys}k7: 2\n`), ["200001:1 yaml-syntax"]);
      assert.deepEqual(places(aliases), ["1:1 no-object"]);
    });
  });

  it("of very many lines that are no YAML takes seconds, not minutes", () => {
    // With quadratic time, it takes more than a minute.
    within(20_000, () => {
      assert.equal(places("  a: 1\n b: 2\n".repeat(60_000))[0], "2:2 yaml-syntax");
    });
  });

  it("of very many keys in a configuration of the mesh takes seconds too", () => {
    const keys = Array.from({ length: 100_000 }, (_, i) => `    k${i}: 1\n`).join("");
    const mesh = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata:\n  mesh: |\n${keys}`;
    const broker = `apiVersion: v1\nkind: Pod\nmetadata: {name: nats}\nspec: {containers: [{image: nats}]}\n`;
    // With quadratic time, it takes more than three minutes.
    within(60_000, () => {
      doctor(`${broker}---\n${mesh}`);
    });
  });

  it("of digits or quotes in a nats.conf takes no noticeable time", () => {
    const conf = (line: string): string =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: nats}\ndata:\n  nats.conf: |\n    cluster {\n      listen: ${line}\n    }\n`;
    const broker = `apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: nats}\nspec: {template: {spec: {containers: [{name: n, image: nats}], volumes: [{configMap: {name: nats}}]}}}\n`;
    // With quadratic time, each of them takes a minute and more.
    within(20_000, () => {
      for (const line of [`${"1".repeat(400_000)}x`, '\\"'.repeat(400_000), `"${'\\"'.repeat(400_000)}`])
        doctor(`${broker}---\n${conf(line)}`);
    });
  });

  it("of thousands of entries that are allowed and denied takes no minutes", () => {
    const list = (name: string, last: string): string =>
      JSON.stringify(Array.from({ length: 8000 }, (_, i) => `${name}.a.b.${i}${last}`));
    const text = `trustDomains: [cluster.local]\nrules:\n- name: r\n  from: [{principals: ["*"]}]\n  publish: {allow: ${list("x", ".c")}, deny: ${list("x", ".d")}}\n`;
    // One by one, they take forty seconds.
    within(10_000, () => {
      assert.match(istioNats(["check", "-"], text).output, /accepted: 1 rule, /);
    });
  });

  it("of aliases in place of what is looked for is followed", () => {
    const text = `apiVersion: v1\nkind: Service\nmetadata: {name: nats}\nspec:\n  ports:\n  - &p {port: 4222, name: tcp}\n  - {<<: *p, name: nats}\n`;
    assert.deepEqual(places(text), ["7:20 port-not-tcp"]);
  });
});

describe("an anchor that is used very often", () => {
  it("is followed every time, because kubectl accepts it", () => {
    const policy = (uses: number): string =>
      `trustDomains: [cluster.local]\nrules:\n- {name: r0, from: &from [{principals: [&p cluster.local/ns/shop/sa/a, *p]}], publish: {allow: [a]}}\n${Array.from(
        { length: uses },
        (_, i) => `- {name: s${i}, from: *from, publish: {allow: [a]}}\n`,
      ).join("")}`;
    for (const uses of [150, 5000]) {
      const { status, output } = istioNats(["check", "-"], policy(uses));
      assert.equal(status, 0, output);
      assert.match(output, new RegExp(`accepted: ${uses + 1} rules`));
    }
  });
});

describe("the places in a file", () => {
  it("do not move with CRLF", () => {
    assert.deepEqual(places(SERVICE.replaceAll("\n", "\r\n")), [FOUND_IN_SERVICE]);
    const config =
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: nats}\ndata:\n  nats.conf: |\n    port: 4222\n\n      tls {\n      }\n";
    assert.deepEqual(places(config), ["8:7 nats-tls"]);
    assert.deepEqual(places(config.replaceAll("\n", "\r\n")), ["8:7 nats-tls"]);
  });

  it("do not move with a byte order mark", () => {
    assert.deepEqual(places(SERVICE), [FOUND_IN_SERVICE]);
    const { output } = istioNats(["doctor", "-"], `\uFEFF${SERVICE.replace("apiVersion", "apiVersion")}`);
    assert.match(output, /^<stdin>:6:11: error/);
  });

  it("are right in UTF-16 with its mark, which PowerShell writes and kubectl reads", () => {
    const folder = makeScratch();
    const file = join(folder, "powershell.yaml");
    const littleEndian = Buffer.from(`\uFEFF${SERVICE.replace("nats", "natsü")}`, "utf16le");
    for (const bytes of [littleEndian, Buffer.from(littleEndian).swap16()]) {
      writeFileSync(file, bytes);
      assert.match(
        istioNats(["doctor", file]).output,
        /powershell\.yaml:6:11: error: port 4222 of Service default\/natsü /,
      );
    }
    removeScratch(folder);
  });

  it("have columns as editors count them, even if the text is wider than ASCII", () => {
    const text = SERVICE.replace("- port: 4222", '- {x: "é😀", port: 4222}');
    assert.deepEqual(places(text), ["6:22 port-not-tcp"]);
  });
});

describe("a List of Kubernetes", () => {
  it("is judged item by item", () => {
    const item = SERVICE.trimEnd()
      .split("\n")
      .map((line) => `    ${line}`)
      .join("\n")
      .replace("   ", "  -");
    assert.deepEqual(places(`apiVersion: v1\nkind: List\nitems:\n${item}\n`), ["9:15 port-not-tcp"]);
  });
});

describe("manifests with anything in place of anything", () => {
  it("are judged as well if that is a name which every object of JavaScript has", () => {
    const names = ["constructor", "toString", "valueOf", "__proto__"];
    for (const name of names) {
      const target = `apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: istio-nats}\nspec: {targetRefs: [{kind: ${name}, name: x}], ${name}: 1}\n`;
      const found = doctor(target);
      assert.deepEqual(
        found.filter(({ id }) => id === "target-ref-unknown").map(({ message }) => message),
        [`targetRefs cannot name kind ${name}`],
      );
      assert.deepEqual(
        found.filter(({ id }) => id.startsWith("field-")).map(({ message }) => message),
        [`Istio has no field spec.${name}`],
      );
      const rule = `apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: nats}\nspec: {host: nats, trafficPolicy: {tls: {mode: ${name}}}}\n`;
      assert.deepEqual(places(`${SERVICE}---\n${rule}`), [FOUND_IN_SERVICE, "11:48 value-unknown"]);
    }
  });

  it("are judged without a crash", () => {
    // The same in every run, because a test that fails must fail again.
    const random = new Random(7);
    const texts = readdirSync(FIXTURES).flatMap((id) =>
      ["bad", "good"].map((which) => readFileSync(join(FIXTURES, id, `${which}.yaml`), "utf8")),
    );
    const junk = ["null", "[]", "{}", "[null]", "[[[x]]]", "{a: {b: c}}", "1.5e3", '""', "-1", "true", '"\\u0000"'];
    for (let i = 0; i < 500; i++) {
      const lines = random.pick(texts).split("\n");
      const at = random.below(lines.length);
      const value = random.pick(junk);
      if (random.below(5) === 0) lines.splice(at, 1);
      else
        lines[at] = lines[at]!.replace(random.below(2) === 0 ? /: .*$/ : /(?<=[[{] ?)[^[{]*?(?=[\]}])/, (was) =>
          was.startsWith(":") ? `: ${value}` : value,
        );
      assert.doesNotThrow(() => doctor(sourceOf(lines.join("\n"))), lines.join("\n"));
    }
  });
});
