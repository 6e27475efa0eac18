import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parseAllDocuments } from "yaml";
import { inRoot } from "../../tools/paths.ts";
import { doctor } from "../cli/support.ts";
import { filterModule } from "../host/filter.ts";
import { connected, policyOf, tick } from "../host/changing-policy.ts";
import { Host } from "../host/host.ts";
import { configuredHost, CONNECT, pub, Wire } from "../host/wire.ts";
import { read, snippets } from "./guide.ts";

const PAGES = ["docs/install.md", "docs/upgrade.md", "docs/runbook.md", "docs/troubleshooting.md"];
const FIXTURES = inRoot("test", "cli", "fixtures");

/** The commands of a page: the lines of its fenced texts, and what is between backticks. */
function commandsIn(page: string): string[] {
  const text = read(page);
  const fenced = ["sh", "console"].flatMap((kind) => snippets(page, kind)).join("\n");
  const inline = [...text.replace(/^```[\s\S]*?^```$/gm, "").matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
  return [...fenced.split("\n"), ...inline].filter((line) => /\b(kubectl|istioctl) /.test(line));
}

/** A line of the proxy's log as Istio's `global.logAsJson` has it. */
function asJson(line: string): string {
  return `${JSON.stringify({ level: "warning", msg: line.trimEnd() })}\n`;
}

/** The events of the audit records that the grep in a section of the runbook finds. */
function eventsFound(section: string, log: readonly string[]): string[] {
  const [, pattern = ""] = new RegExp(`## ${section}[^]*?\\| grep (.*)$`, "m").exec(read("docs/runbook.md")) ?? [];
  const { stdout } = spawnSync("sh", ["-c", `grep ${pattern}`], { input: log.join(""), encoding: "utf8" });
  return [...stdout.matchAll(/event\\?":\\?"(\w+)/g)].map(([, event = ""]) => event);
}

describe("the commands that the pages for operators show", () => {
  it("name a namespace, because nats-server is seldom in the default one", () => {
    let asked = 0;
    for (const page of PAGES) {
      for (const command of commandsIn(page)) {
        if (!/kubectl (.* )?(get|logs|patch|rollout) |istioctl .*(listeners?|check) /.test(command)) continue;
        assert.match(command, / (-n|--namespace) /, `${page}: ${command}`);
        asked++;
      }
    }
    assert.ok(asked > 8, `only ${asked} of them`);
  });

  it("apply no folder of deploy/ unchanged: its image is a placeholder, and Istio would let nobody in", () => {
    for (const page of [...PAGES, "README.md"]) {
      for (const command of commandsIn(page)) assert.doesNotMatch(command, /apply (-k|--kustomize) \S*deploy\//, page);
    }
  });

  it("find in the log the records of refusals, also of connections, but not the totals at a connection's end", () => {
    const host = configuredHost();
    const wire = Wire.connected(host);
    wire.client(pub("no.a"));
    wire.connection.close();
    new Wire(host, null).client(CONNECT);
    const log = host.logs.map(
      ({ message }) => `[warning][wasm] [context.cc:1154] wasm log messaging.nats: ${message}\n`,
    );
    const events = ["refused", "connection_refused"];
    assert.deepEqual(eventsFound("NATSRefusalsAfterPolicyChange", log), events, log.join(""));
    assert.deepEqual(eventsFound("NATSRefusalsAfterPolicyChange", log.map(asJson)), events);
    assert.match(log.join(""), /"disconnected".*"refused":1/);
  });

  it("find in the log the records of what a policy change has ended", () => {
    const { host, wire } = connected(policyOf({ subscribe: { allow: ["a"] } }));
    wire.client("SUB a 1\r\n");
    host.configure(policyOf({ subscribe: { allow: ["b"] } }));
    tick(host);
    const log = host.logs.map(({ message }) => `${message}\n`);
    assert.deepEqual(eventsFound("NATSRevokedByPolicyChange", log), ["revoked"], log.join(""));
    assert.deepEqual(eventsFound("NATSRevokedByPolicyChange", log.map(asJson)), ["revoked"]);
  });

  it("find in the log everything that the filter says about a policy with faults", () => {
    const [refused = ""] = snippets("README.md", "yaml refused");
    const { accepted, logs } = new Host(filterModule()).configure(parseAllDocuments(refused)[0]!.toJS() as object);
    assert.equal(accepted, false);
    const said = logs.map(({ message }) => message).join("\n");
    const [, pattern = ""] = /## NATSPolicyRejected[\s\S]*?\| grep (.*)$/m.exec(read("docs/runbook.md")) ?? [];
    const log = `a line before\n${said}\n`;
    const { stdout } = spawnSync("sh", ["-c", `grep ${pattern}`], { input: log, encoding: "utf8" });
    assert.equal(stdout, `${said}\n`);
    assert.ok(said.split("\n").length > 4, said);
  });
});

describe("what the page on troubleshooting gives doctor of a cluster", () => {
  const kinds = [...read("docs/troubleshooting.md").matchAll(/^\$ kinds=(\S+)$/gm)]
    .flatMap(([, names = ""]) => names.split(","))
    .map((name) => name.replace(/s?\..*$/, ""));

  // What other tools are to make of their own objects is in the cluster already.
  for (const id of readdirSync(FIXTURES).filter((name) => name !== "not-rendered")) {
    it(`is enough for it to find ${id}`, () => {
      const documents = parseAllDocuments(readFileSync(join(FIXTURES, id, "bad.yaml"), "utf8")).filter((one) =>
        kinds.includes(String(one.get("kind")).toLowerCase()),
      );
      const ids = doctor(documents.map(String).join("---\n")).map((finding) => finding.id);
      assert.ok(ids.includes(id), ids.join());
    });
  }
});
