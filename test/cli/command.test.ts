import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Ajv } from "ajv";
import { inRoot } from "../../tools/paths.ts";
import { makeScratch, removeScratch } from "../stand/scratch.ts";
import { fixture } from "./fixture.ts";
import { istioNats } from "./support.ts";

const schema = JSON.parse(readFileSync(inRoot("cli", "output.schema.json"), "utf8")) as object;
const validate = new Ajv({ strict: true, strictTypes: false, strictRequired: false }).compile(schema);

interface Finding {
  id: string;
  message: string;
  remedy: string;
}

/** The output, after it was checked against the schema. */
function parsed(output: string): {
  counts: object;
  findings: Finding[];
} {
  const value: unknown = JSON.parse(output);
  assert.ok(validate(value), JSON.stringify(validate.errors));
  return value as ReturnType<typeof parsed>;
}

const SNIFFED = "apiVersion: v1\nkind: Service\nmetadata: { name: nats }\nspec:\n  ports: [{ port: 4222 }]\n";
const POLICY = `trustDomains: [cluster.local]
rules: [{ name: r, from: [{ principals: ["*"] }], publish: { allow: [orders.>] } }]
`;
const PERMISSIVE = fixture("image-by-tag", "bad");

describe("istio-nats doctor", () => {
  it("exits with 0 if nothing is wrong, with 1 for an error, and with 1 for a warning only with --strict", () => {
    assert.equal(istioNats(["doctor", "-"], SNIFFED.replace("4222", "4223")).status, 0);
    assert.equal(istioNats(["doctor", "-"], SNIFFED).status, 1);
    assert.equal(istioNats(["doctor", "-"], PERMISSIVE).status, 0);
    assert.equal(istioNats(["doctor", "--strict", "-"], PERMISSIVE).status, 1);
  });

  it("prints place, severity, message, check and remedy, as compilers do", () => {
    const { output } = istioNats(["doctor", "-"], SNIFFED);
    const [first, second, last] = output.split("\n");
    assert.match(
      first!,
      /^<stdin>:5:19: error: port 4222 of Service default\/nats \(clients\) has neither appProtocol nor name: .* \[port-not-tcp\]$/,
    );
    assert.match(second!, /^ {4}write appProtocol: tcp/);
    assert.equal(last, "1 error in 1 object of 1 file");
  });

  it("writes JSON of the shape that its schema documents", () => {
    const { output, status } = istioNats(["doctor", "--output", "json", "-"], SNIFFED);
    assert.equal(status, 1);
    const { findings, counts } = parsed(output);
    assert.deepEqual(counts, { error: 1, warning: 0, info: 0 });
    const [{ message, remedy, ...rest }] = findings as [Finding];
    assert.deepEqual(rest, {
      id: "port-not-tcp",
      severity: "error",
      file: "<stdin>",
      line: 5,
      column: 19,
      documentation: "docs/reference/cli.md#port-not-tcp",
    });
    assert.ok(message.length > 0 && remedy.length > 0);
  });

  it("has a schema that refuses anything of another shape", () => {
    const { output } = istioNats(["doctor", "--output", "json", "-"], SNIFFED);
    for (const [was, is] of [
      ['"line": 5', '"line": 0'],
      ['"severity": "error"', '"severity": "fatal"'],
      ['"version": 1', '"version": 2'],
      ['"files"', '"fiels"'],
    ] as const) {
      assert.ok(output.includes(was), was);
      assert.equal(validate(JSON.parse(output.replace(was, is))), false, is);
    }
  });

  it("uses -n as the namespace of objects that name none", () => {
    assert.match(istioNats(["doctor", "-n", "messaging", "-"], SNIFFED).output, /Service messaging\/nats/);
  });

  it("takes no namespace that cannot be one, such as the value of a variable that is not set", () => {
    for (const option of [
      ["-n", ""],
      ["-n", "My NS"],
      ["--root-namespace", ""],
    ]) {
      const { status, output, errors } = istioNats(["doctor", ...option, "-"], SNIFFED);
      assert.deepEqual([status, output], [2, ""], option.join(" "));
      assert.match(errors, /A namespace has small letters, digits and hyphens/);
    }
    assert.equal(istioNats(["check", "-n", "", "-"], SNIFFED).status, 2);
  });

  it("lets no control character of a manifest reach the terminal", () => {
    const { output } = istioNats(["doctor", "-"], SNIFFED.replace("name: nats", 'name: "\\e[31mnats\\n"'));
    assert.match(output, /default\/\\x1b\[31mnats\\x0a/);
    assert.ok(!output.includes("\u001b"));
    const turned = istioNats(
      ["doctor", "-"],
      SNIFFED.replace("name: nats", 'name: "a\u202eb\\u{200b}c\\L"').replace("\\u{200b}", "\u200b"),
    );
    assert.match(turned.output, /default\/a\\u202eb\\u200bc\\u2028 /);
  });
});

describe("wrong usage", () => {
  it("lets no control character of a file's name, or of an argument, reach the terminal", () => {
    const name = "no\u001b[31m\nsuch\u202e.yaml";
    const { status, errors } = istioNats(["doctor", name]);
    assert.equal(status, 2);
    assert.equal(errors, "istio-nats: no\\x1b[31m\\x0asuch\\u202e.yaml: no such file or folder\n");
    const others = istioNats([name]).errors + istioNats(["doctor", `--${name}`]).errors;
    assert.ok(!others.includes("\u001b") && !others.includes("\u202e") && others.includes("\\u202e"), others);
  });

  it("exits with 2 and says why on standard error", () => {
    const cases: [args: string[], said: RegExp][] = [
      [["doctor"], /missing required argument 'files'/],
      [["doctro", "x"], /unknown command 'doctro'/],
      [["doctor", "--outptu", "json", "x"], /unknown option '--outptu'/],
      [["doctor", "--output", "xml", "x"], /Allowed choices are text, json/],
      [["doctor", "no-such-file.yaml"], /^istio-nats: no-such-file\.yaml: no such file or folder$/m],
      [["doctor", ""], /^istio-nats: a file's name is empty: give files, folders, or - for standard input$/m],
    ];
    for (const [args, said] of cases) {
      const { status, output, errors } = istioNats(args, SNIFFED);
      assert.deepEqual([status, output], [2, ""], args.join(" "));
      assert.match(errors, said);
    }
  });

  it("does not include a request for help or the version", () => {
    for (const args of [["--help"], ["doctor", "--help"], ["--version"]]) {
      const { status, output } = istioNats(args);
      assert.equal(status, 0);
      assert.notEqual(output, "");
    }
    assert.deepEqual(istioNats(["help"]), istioNats(["--help"]));
    assert.deepEqual(istioNats(["help", "check"]), istioNats(["check", "--help"]));
  });
});

describe("files with nothing to judge", () => {
  let folder: string;

  before(() => (folder = makeScratch()));

  after(() => removeScratch(folder));

  function written(name: string, text: string): string {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  it("of nats-server's own are told to be that, once, whether YAML can read them or not", () => {
    for (const text of [
      "port: 4222\n",
      "authorization {\n  users = [ { user: a, permissions: { publish: b } } ]\n}\n",
    ]) {
      const file = written("nats.conf", text);
      for (const command of ["doctor", "check"]) {
        const { status, output } = istioNats([command, file]);
        assert.equal(status, 1);
        const [first = "", remedy = "", ...more] = output.trimEnd().split("\n");
        assert.equal(
          first,
          `${file}:1:1: error: a configuration of nats-server is not judged by itself, and holds no policy [yaml-syntax]`,
        );
        assert.match(remedy, /give doctor the ConfigMap or Secret that holds it; .*docs\/reference\/policy\.md/);
        assert.deepEqual(more, [command === "doctor" ? "1 error in 0 objects of 1 file" : "1 error"]);
      }
    }
  });

  it("exit with 2, and the message says which files they are and what to do", () => {
    const template = written("chart/templates/x.yaml", "{{ if }}");
    written("chart/Chart.yaml", "name: x\n");
    const chart = dirname(dirname(template));
    const patch = written("patch.yaml", "spec: {}\n");
    const overlay = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../base]\n";
    const kustomization = dirname(written("overlay/kustomization.yaml", overlay));
    const cases: [args: string[], input: string, said: string][] = [
      [["doctor", "-"], "", "found no Kubernetes object in <stdin>, so nothing was judged: it is empty; "],
      [["doctor", patch], "", `found no Kubernetes object in ${patch}, so nothing was judged: give manifests`],
      [
        ["doctor", chart],
        "",
        `found no Kubernetes object in ${chart}, so nothing was judged: render the chart first: `,
      ],
      [["doctor", kustomization], "", `found no Kubernetes object in ${kustomization}, so nothing was judged: `],
      [["check", "-"], "\n", "found no policy in <stdin>, so nothing was judged: it is empty; "],
      [["check", "-"], SNIFFED, "found no policy in <stdin>, so nothing was judged: give a WasmPlugin"],
      [
        ["check", chart],
        "",
        `found no policy in ${chart}, so nothing was judged: give your chart values, or render the chart: `,
      ],
    ];
    for (const [args, input, said] of cases) {
      const { status, errors, output } = istioNats(args, input);
      assert.equal(status, 2, args.join(" "));
      assert.ok(errors.startsWith(`istio-nats: ${said}`), errors);
      assert.doesNotMatch(output, /nothing found|error/);
      const json = istioNats([...args, "--output", "json"], input);
      assert.deepEqual([json.status, json.errors], [2, errors]);
      parsed(json.output);
    }
  });

  it("are told where a kustomization names what to judge, by a command that renders it", () => {
    const file = written(
      "apart/kustomization.yaml",
      "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
    );
    const { output, status } = istioNats(["doctor", file, written("t.yaml", SNIFFED.replace("4222", "4223"))]);
    assert.equal(status, 0);
    assert.ok(output.includes(`${file}:1:1: info: a kustomization is not judged [kustomization]\n`), output);
    assert.ok(output.includes(`    kubectl kustomize ${dirname(file)} | istio-nats doctor -\n`), output);
    const checked = istioNats(["check", file]);
    assert.equal(checked.status, 2);
    assert.ok(checked.output.includes(`    kubectl kustomize ${dirname(file)} | istio-nats check -\n`), checked.output);
  });

  it("are told to render the kustomization around a component, which kustomize renders to nothing by itself", () => {
    const file = written(
      "component/kustomization.yaml",
      "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n",
    );
    const { output } = istioNats(["doctor", file, written("t.yaml", SNIFFED)]);
    assert.ok(output.includes(`${file}:1:1: info: a component of kustomize is not judged [kustomization]\n`), output);
    assert.match(output, /^ {4}kubectl kustomize FOLDER-OF-A-KUSTOMIZATION-THAT-NAMES-IT \| istio-nats doctor -$/m);
  });

  it("are told to look at what wrote them if they are empty, whichever command reads them", () => {
    const empty = written("nothing.yaml", "\n");
    for (const [command, id] of [
      ["doctor", "no-object"],
      ["check", "no-policy"],
    ] as const) {
      const { output } = istioNats([command, empty]);
      const said = "    check whether the command that wrote it failed\n";
      assert.equal(output, `${empty}:1:1: warning: the file is empty [${id}]\n${said}`);
    }
  });

  it("are reported beside others that are judged", () => {
    const empty = written("empty.yaml", "# nothing\n");
    const policy = written("policy.yaml", POLICY);
    const { status, output } = istioNats(["check", empty, policy]);
    assert.equal(status, 0);
    assert.match(output, /empty\.yaml:1:1: warning: this file has no policy \[no-policy\]/);
    assert.match(output, /policy\.yaml:1:1: policy: accepted/);
    assert.match(
      istioNats(["doctor", empty, written("s.yaml", SNIFFED)]).output,
      /empty\.yaml:1:1: warning: .*\[no-object\]/,
    );
  });

  it("exit with 1 if they cannot be read", () => {
    for (const command of ["doctor", "check"]) assert.equal(istioNats([command, "-"], "a: [").status, 1);
  });
});

describe("chart values", () => {
  const values = (policy: string): string =>
    `# values\nimage:\n  repository: registry.test/istio-nats\nkind: WasmPlugin\npolicy:\n${policy.replace(/^(?=.)/gm, "  ")}`;

  it("have their policy checked, with each fault at its place", () => {
    const sound = istioNats(["check", "-"], values(POLICY));
    assert.equal(sound.status, 0);
    assert.match(sound.output, /^<stdin>:6:3: policy of the chart values: accepted: 1 rule, /);
    const faulty = istioNats(["check", "-"], values(POLICY.replace("orders.>", "orders..>")));
    assert.equal(faulty.status, 1);
    assert.match(
      faulty.output,
      /^<stdin>:7:72: error: rules\[0\]\.publish\.allow\[0\]: .*\n.*\n.*refused.*\n1 error\n$/,
    );
  });

  it("are reported as such if they have no policy", () => {
    const { status, output } = istioNats(["check", "-"], "image: { repository: x }\n");
    assert.equal(status, 1);
    assert.match(
      output,
      /^<stdin>:1:1: error: the chart values have no policy \[policy-fault\]\n {4}write trustDomains and/,
    );
  });

  it("of one file beside others are told how to check all of them together", () => {
    const all = "; if another file of values has them, check what helm makes of all: helm template ";
    for (const text of [
      "broker: { service: { create: false } }\n",
      "form: waypoint\npolicy: { identity: WAYPOINT }\n",
    ]) {
      const { status, output } = istioNats(["check", "-"], text);
      assert.equal(status, 1);
      assert.ok(output.includes(`[policy-fault]\n    write trustDomains and rules under policy${all}`), output);
      assert.doesNotMatch(output, /unknown key|correct the pluginConfig/);
    }
    const of = istioNats(["check", "-"], values(POLICY.replace("name: ", "nam: "))).output;
    assert.ok(!of.includes(all), of);
  });

  it("with a slip in a key are told the key that was meant", () => {
    const slip = values(POLICY).replace("\npolicy:", "\npolcy:").replace("kind:", "kin:");
    for (const text of [slip, slip.replace(/^image:\n.*\n/m, "")]) {
      const { status, output } = istioNats(["check", "-"], text);
      assert.equal(status, 1);
      assert.match(
        output,
        /error: the chart has no value called kin \[values-key-unknown\]\n {4}did you mean kind\?\n/,
      );
      assert.match(
        output,
        /error: the chart has no value called polcy \[values-key-unknown\]\n {4}did you mean policy\?\n/,
      );
      assert.match(output, /policy of the chart values: accepted: 1 rule.*\n2 errors\n$/);
    }
  });

  it("may have keys of another chart", () => {
    const { status, output } = istioNats(["check", "-"], `${values(POLICY)}nats: { replicas: 3 }\nimages: []\n`);
    assert.equal(status, 0, output);
  });

  it("have to be rendered for doctor", () => {
    const { status, output } = istioNats(["doctor", "-"], values(POLICY));
    assert.equal(status, 2);
    assert.match(
      output,
      /these are chart values.*\n {4}render the chart with them: helm template RELEASE CHART --values /,
    );
  });

  it("are those that the chart has, and those of the guide", () => {
    const shipped = readFileSync(inRoot("deploy", "chart", "values.yaml"), "utf8");
    assert.match(
      istioNats(["check", "-"], shipped).output,
      /the chart values have no policy.*\n(?:.*\n)*.*policy of the chart values/,
    );
    const guide = readFileSync(inRoot("docs", "how-to", "install.md"), "utf8");
    const [, shown = ""] = /^```yaml values\n([\s\S]*?)^```$/m.exec(guide) ?? [];
    const { status, output } = istioNats(["check", "-"], shown);
    assert.equal(status, 0);
    assert.match(output, /policy of the chart values: accepted/);
  });
});

describe("an object that grows too large for Kubernetes", () => {
  let folder: string;

  before(() => (folder = makeScratch()));

  after(() => removeScratch(folder));

  /** This plugin's compact JSON has exactly `bytes` bytes as JavaScript writes it. */
  function plugin(bytes: number, subjects: string[] = ["a"], annotations?: Record<string, string>): string {
    const text = (padding: string): string =>
      JSON.stringify({
        apiVersion: "extensions.istio.io/v1alpha1",
        kind: "WasmPlugin",
        metadata: { name: "istio-nats", namespace: "messaging", ...(annotations && { annotations }) },
        spec: {
          type: "NETWORK",
          url: "oci://r.test/istio-nats",
          match: [{ ports: [{ number: 4222 }] }],
          pluginConfig: {
            trustDomains: ["a"],
            rules: [{ name: "r", from: [{ principals: ["*"] }], publish: { allow: subjects } }],
            padding,
          },
        },
      });
    return text("x".repeat(bytes - Buffer.byteLength(text(""))));
  }

  /** What both commands say of an object's size. */
  function assertReported(text: string, ids: string[], about: string): void {
    const file = join(folder, "plugin.json");
    writeFileSync(file, text);
    for (const command of ["doctor", "check"]) {
      const { findings } = parsed(istioNats([command, "-o", "json", file]).output);
      const found = findings.map(({ id }) => id).filter((id) => id.startsWith("object-"));
      assert.deepEqual(found, ids, `${command} ${about}`);
    }
  }

  it("is reported at each threshold, and not one byte before", () => {
    const cases: [bytes: number, ids: string[]][] = [
      [262_078, []],
      [1_179_648, ["object-too-large-for-apply"]],
      [1_179_649, ["object-near-limit", "object-too-large-for-apply"]],
      [1_572_864, ["object-near-limit", "object-too-large-for-apply"]],
      [1_572_865, ["object-too-large", "object-too-large-for-apply"]],
    ];
    for (const [bytes, ids] of cases) assertReported(plugin(bytes), ids, String(bytes));
  });

  it("is as large as Kubernetes writes it, with six bytes for each > of its subjects", () => {
    // The most that kube-apiserver 1.36.1 took from kubectl apply of that version.
    const cases: [most: number, subjects: string[], annotations?: Record<string, string>][] = [
      [262_078, ["a"]],
      [262_073, [">"]],
      [262_075, ["\u2028"]],
      [257_078, Array.from({ length: 1000 }, () => "orders.>")],
      [262_081, ["a"], { k: "<v>" }],
    ];
    for (const [most, ...policy] of cases) {
      assertReported(plugin(most, ...policy), [], `${most} ${policy[0][0]}`);
      assertReported(plugin(most + 1, ...policy), ["object-too-large-for-apply"], `${most} ${policy[0][0]}`);
    }
    // etcd 3.6.8 refused it from 1,472,616 bytes on, because the API server adds some of its own.
    const subjects = Array.from({ length: 20_000 }, () => "orders.>");
    assertReported(plugin(1_472_865, subjects), ["object-too-large", "object-too-large-for-apply"], "etcd");
  });

  it("is not too large for kubectl apply because it comes from a cluster where that has worked", () => {
    const given = JSON.parse(plugin(200_000)) as { metadata: object };
    const copy = { "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify(given) + "\n" };
    const managedFields = [{ manager: "m".repeat(100_000) }];
    const metadata = {
      ...given.metadata,
      annotations: copy,
      generation: 1,
      managedFields,
      resourceVersion: "7",
      uid: "u",
    };
    assertReported(JSON.stringify({ ...given, metadata, status: { x: "y".repeat(100_000) } }), [], "read back");
  });
});
