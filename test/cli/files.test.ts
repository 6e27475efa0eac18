import assert from "node:assert/strict";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { after, before, describe, it } from "node:test";
import { MAX_SOURCE_BYTES, readSources } from "../../cli/manifests/source.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";
import { istioNats, SERVICE } from "./support.ts";

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
