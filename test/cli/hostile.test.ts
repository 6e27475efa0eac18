import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { after, before, describe, it } from "node:test";
import { MAX_SOURCE_BYTES, readSources } from "../../cli/manifests/source.ts";
import { Random } from "../host/random.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";
import { fixture, FIXTURES } from "./fixture.ts";
import { kinds } from "./sound-mesh.ts";
import { doctor, istioNats, placed, sourceOf } from "./support.ts";

const SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: nats}\nspec:\n  ports:\n  - port: 4222\n";
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

describe("files", () => {
  let folder: string;

  before(() => (folder = makeScratch()));

  after(() => removeScratch(folder));

  it("beyond 16 MiB are not read", () => {
    const file = join(folder, "huge.yaml");
    writeFileSync(file, Buffer.alloc(MAX_SOURCE_BYTES + 1, "a: 1\n"));
    const { status, output } = istioNats(["doctor", file]);
    assert.equal(status, 1);
    assert.match(output, /huge\.yaml:1:1: error: the file has more than 16777216 bytes \[file-too-large\]/);
  });

  it("of a folder are its YAML and JSON, in the order of names, and templates of a chart are distinguished", () => {
    const top = join(folder, "deploy");
    mkdirSync(join(top, "chart", "templates"), { recursive: true });
    writeFileSync(join(top, "b.yaml"), SERVICE);
    writeFileSync(join(top, "a.json"), JSON.stringify({ apiVersion: "v1", kind: "List", items: [] }));
    writeFileSync(join(top, "notes.txt"), "a: [");
    writeFileSync(join(top, "chart", "Chart.yaml"), "name: x\n");
    writeFileSync(join(top, "chart", "templates", "x.yaml"), "{{ if }}");
    const files = readSources([top], () => Buffer.alloc(0)).map(({ file }) => file.slice(top.length + 1));
    assert.deepEqual(files, ["a.json", "b.yaml", "chart/Chart.yaml", "chart/templates/x.yaml"]);
    const { output } = istioNats(["doctor", top]);
    assert.match(output, /templates\/x\.yaml:1:1: info: .* \[helm-template\]/);
    assert.match(output, /1 error, 1 info in 1 object of 4 files/);
  });

  it("of a chart are told once that they are not judged, with the chart to render, whichever command reads them", () => {
    const repository = join(folder, "repository");
    for (const chart of ["one", "two"]) {
      const templates = join(repository, chart, "charts", "sub", "templates");
      mkdirSync(templates, { recursive: true });
      writeFileSync(join(repository, chart, "Chart.yaml"), "name: x\n");
      writeFileSync(join(repository, chart, "charts", "sub", "Chart.yaml"), "name: x\n");
      writeFileSync(join(templates, "a.yaml"), "{{ if }}");
      if (chart === "two") writeFileSync(join(templates, "b.yaml"), "{{ if }}");
    }
    writeFileSync(join(repository, "z.yaml"), SERVICE);
    for (const command of ["doctor", "check"]) {
      const { output } = istioNats([command, "--output", "json", repository]);
      const { findings } = JSON.parse(output) as { findings: Record<"id" | "message" | "remedy", string>[] };
      const [one, two] = ["one", "two"].map((chart) => relative(".", join(repository, chart)));
      assert.deepEqual(
        findings.filter(({ id }) => id === "helm-template").map(({ message, remedy }) => [message, remedy]),
        [
          [
            `a template of the Helm chart ${one!} is not judged`,
            `helm template RELEASE ${one!} | istio-nats ${command} -`,
          ],
          [
            `2 templates of the Helm chart ${two!} are not judged`,
            `helm template RELEASE ${two!} | istio-nats ${command} -`,
          ],
        ],
      );
    }
  });

  it("of a chart are templates wherever they are, as those of NATS's own chart below files/, unless they are YAML", () => {
    const chart = join(folder, "nats");
    mkdirSync(join(chart, "files", "config"), { recursive: true });
    mkdirSync(join(chart, "ci"));
    writeFileSync(join(chart, "Chart.yaml"), "name: nats\n");
    writeFileSync(
      join(chart, "files", "config", "cluster.yaml"),
      "{{- with .Values }}\nport: {{ .port }}\n{{- end }}\n",
    );
    writeFileSync(join(chart, "files", "service.yaml"), SERVICE);
    writeFileSync(join(chart, "ci", "values.yaml"), 'host: "{{ .Release.Name }}"\n');
    const { output, status } = istioNats(["doctor", chart]);
    assert.deepEqual(
      output
        .match(/[\w/]+\.yaml:\d+:\d+: .*\[[\w-]+\]/g)
        ?.map((line) => line.replace(/^.*?nats\//, "").replace(/: .*\[/, " [")),
      ["files/config/cluster.yaml:1:1 [helm-template]", "files/service.yaml:6:11 [port-not-tcp]"],
    );
    assert.equal(status, 1);
    writeFileSync(join(chart, "files", "service.yaml"), "a: [\n");
    assert.match(istioNats(["doctor", chart]).output, /files\/service\.yaml:2:1: error: .*\[yaml-syntax\]/);
    writeFileSync(join(chart, "ci", "values.yaml"), "host: {{ .Release.Name }}: a\n");
    assert.match(istioNats(["doctor", chart]).output, /ci\/values\.yaml:1:\d+: error: .*\[yaml-syntax\]/);
  });

  it("may be what helm install --dry-run writes, whose notes are told, and whose other documents are judged", () => {
    const head = "NAME: nats\nLAST DEPLOYED: Thu Jun 11 01:29:31 2026\nSTATUS: pending-install\nHOOKS:\nMANIFEST:\n";
    const file = join(folder, "release.txt");
    writeFileSync(file, `${head}---\n${SERVICE}---\n# Source: x\n${SERVICE}\nNOTES:\nIt runs: all *well*\n- a\n`);
    const told = istioNats(["doctor", file]).output.match(/:\d+:\d+: .*\n.*/g) ?? [];
    assert.equal(told.filter((line) => line.includes("yaml-syntax")).length, 1);
    assert.match(
      told.at(-1) ?? "",
      /notes of a Helm release, not YAML \[yaml-syntax\]\n {4}give what helm template writes/,
    );
    assert.match(told[0] ?? "", /port-not-tcp/);
  });

  // Both lines are those of helm's cmd/helm/upgrade.go.
  for (const line of ["has been upgraded. Happy Helming!", "does not exist. Installing it now."])
    it(`may be what helm upgrade --dry-run writes, which begins with a line of its own: ${line}`, () => {
      const file = join(folder, "upgrade.txt");
      const head = `Release "nats" ${line}\nNAME: nats\nSTATUS: pending-upgrade\nHOOKS:\nMANIFEST:\n`;
      writeFileSync(file, `${head}---\n${SERVICE}---\n${SERVICE}\nNOTES:\nIt runs: all *well*\n- a\n`);
      const { output } = istioNats(["doctor", file]);
      assert.deepEqual(output.match(/\d+:\d+: error: .*\[yaml-syntax\]/g)?.length, 1, output);
      assert.match(output, /these are the notes of a Helm release/);
      assert.match(output, /port-not-tcp/);
    });

  it("below a folder that nobody may search are read all the same, where the command runs beside them", () => {
    const place = join(folder, "locked", "open");
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, "service.yaml"), SERVICE);
    // A link that leads round in a circle refuses everybody, root too, as a folder without its x does all others.
    symlinkSync("Chart.yaml", join(folder, "locked", "Chart.yaml"));
    assert.match(istioNats(["doctor", place]).output, /port-not-tcp/);
    rmSync(join(folder, "locked"), { recursive: true });
  });

  it("that links lead to are read once, and a link to a folder above is no loop", () => {
    const top = join(folder, "linked");
    mkdirSync(join(top, "b"), { recursive: true });
    writeFileSync(join(folder, "elsewhere.yaml"), SERVICE);
    writeFileSync(join(top, "b", "own.yaml"), SERVICE.replace("nats", "own"));
    symlinkSync("../elsewhere.yaml", join(top, "a.yaml"));
    symlinkSync("../elsewhere.yaml", join(top, "again.yaml"));
    symlinkSync("..", join(top, "b", "up"));
    symlinkSync("b", join(top, "c"));
    symlinkSync("nowhere", join(top, "dangling"));
    const files = (): string[] =>
      readSources([top], () => Buffer.alloc(0)).map(({ file }) => file.slice(top.length + 1));
    assert.deepEqual(files(), ["a.yaml", "b/own.yaml"]);
    assert.match(istioNats(["doctor", top]).output, /a\.yaml:6:11: error: .*\n.*\n.*own\.yaml:6:11: error: /);
    for (const target of ["nowhere", "z.yaml"]) {
      symlinkSync(target, join(top, "z.yaml"));
      const { status, errors } = istioNats(["doctor", top]);
      assert.deepEqual(
        [status, errors.split("/").at(-1)],
        [2, "z.yaml: the link leads nowhere: correct it or take it out\n"],
      );
      rmSync(join(top, "z.yaml"));
    }
  });

  it("that are named twice, by themselves or with a folder around them, are read and reported once", () => {
    const top = join(folder, "twice");
    const [broker, patch] = [join(top, "broker.yaml"), join(top, "patch.yaml")];
    mkdirSync(top);
    writeFileSync(broker, SERVICE);
    writeFileSync(patch, "spec: {}\n");
    symlinkSync("broker.yaml", join(top, "link.yaml"));
    const once = istioNats(["doctor", broker]);
    for (const names of [
      [broker, broker],
      [broker, `${top}/../twice/broker.yaml`],
      [broker, join(top, "link.yaml")],
      [broker, top],
    ]) {
      assert.deepEqual(istioNats(["doctor", ...names]).output.replace(" of 2 files", " of 1 file"), once.output);
    }
    // What is told only of a file that was named is told of it, though a folder has brought it first.
    assert.match(istioNats(["doctor", top, patch]).output, /patch\.yaml:1:1: warning: .* \[no-object\]/);
    assert.equal(istioNats(["doctor", "-", "-"], SERVICE).output, istioNats(["doctor", "-"], SERVICE).output);
  });

  it("with bytes that are not text are reported at the first of them, and not judged", () => {
    const file = join(folder, "latin1.yaml");
    const text = `${SERVICE}# ü is two bytes\n`;
    const utf16 = Buffer.from(`\uFEFF${text}`, "utf16le");
    const cases: [bytes: Buffer, place: string, encoding: string][] = [
      [Buffer.from(text, "latin1"), "7:3", "UTF-8"],
      [Buffer.concat([Buffer.from(text), Buffer.from([0xc3])]), "8:1", "UTF-8"],
      [Buffer.concat([utf16, Buffer.from([0x41, 0x00, 0x00, 0xdc])]), "8:2", "UTF-16LE"],
      [Buffer.concat([utf16, Buffer.from([0x41])]), "8:1", "UTF-16LE"],
    ];
    for (const [bytes, place, encoding] of cases) {
      writeFileSync(file, bytes);
      for (const command of ["check", "doctor"]) {
        const { status, output } = istioNats([command, file]);
        assert.equal(status, 1);
        const [first] = output.split("\n");
        assert.ok(first!.includes(`latin1.yaml:${place}: error: the bytes here are not ${encoding}: `), output);
        assert.doesNotMatch(output, /port-not-tcp|accepted/);
      }
    }
  });

  it("without any object are reported if they were named, not if a folder brought them", () => {
    const file = join(folder, "patch.yaml");
    writeFileSync(file, "spec: {}\n");
    assert.match(istioNats(["doctor", file]).output, /patch\.yaml:1:1: warning: .* \[no-object\]/);
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
