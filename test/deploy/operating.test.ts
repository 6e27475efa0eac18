import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parseAllDocuments } from "yaml";
import { inRoot, read } from "../../tools/paths.ts";
import { doctor } from "../cli/support.ts";
import { filterModule } from "../host/filter.ts";
import { CHANGE_KEY, connected, envelope, KEY, only, policyOf, tick, vm } from "../host/changing-policy.ts";
import { Host, SharedData } from "../host/host.ts";
import { configuredHost, CONNECT, pub, stat, Wire } from "../host/wire.ts";
import { snippets } from "./guide.ts";

const PAGES = [
  "docs/tutorial/first-policy.md",
  "docs/how-to/install.md",
  "docs/how-to/operate.md",
  "docs/how-to/troubleshoot.md",
  "docs/how-to/monitor.md",
];
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

/** What the grep in a section of the runbook finds. */
function found(section: string, log: readonly string[]): string {
  const [, pattern = ""] =
    new RegExp(`## ${section}\n[^]*?\\| grep (.*)$`, "m").exec(read("docs/how-to/troubleshoot.md")) ?? [];
  return spawnSync("sh", ["-c", `grep ${pattern}`], { input: log.join(""), encoding: "utf8" }).stdout;
}

/** The events of the audit records that it finds. */
function eventsFound(section: string, log: readonly string[]): string[] {
  return [...found(section, log).matchAll(/event\\?":\\?"(\w+)/g)].map(([, event = ""]) => event);
}

describe("the commands that the pages for operators show", () => {
  it("name a namespace, or all, because nats-server is seldom in the default one", () => {
    let asked = 0;
    for (const page of PAGES) {
      for (const command of commandsIn(page)) {
        if (!/kubectl (.* )?(get|logs|patch|rollout) |istioctl .*(listeners?|check) /.test(command)) continue;
        assert.match(command, / (-n|--namespace|--all-namespaces)( |$)/, `${page}: ${command}`);
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

  it("find in the log the connections of clients without an identity, and no others", () => {
    const host = configuredHost({ rule: { from: [{ namespaces: ["web"] }] } });
    new Wire(host, null).client(CONNECT);
    Wire.connected(host);
    const log = host.logs.map(({ message }) => `${message}\n`);
    assert.match(log.join(""), /"reason":"no_rule"/);
    for (const lines of [log, log.map(asJson)]) {
      assert.deepEqual(eventsFound("NATSUnauthenticated", lines), ["connection_refused"], log.join(""));
    }
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

  it("find in the log a connection that passed unread and ends with ENFORCE, with the reason that the runbook explains", () => {
    const host = configuredHost({ mode: "DRY_RUN" });
    Wire.connected(host).client("NONSENSE\r\n");
    host.configure(policyOf({ publish: { allow: ["a"] } }));
    tick(host);
    const log = host.logs.map(({ message }) => `${message}\n`);
    const record = JSON.parse(found("NATSRevokedByPolicyChange", log)) as Record<string, unknown>;
    assert.ok(!("subject" in record));
    const passed = JSON.parse(found("NATSDryRunPassesUnread", log)) as Record<string, unknown>;
    assert.equal(record["connection_id"], passed["connection_id"]);
    const [, section = ""] = read("docs/how-to/troubleshoot.md").split("## NATSRevokedByPolicyChange\n");
    const explained = section.split("\n## ")[0]!.split(`\`${String(record["reason"])}\`:`)[1] ?? "";
    assert.ok(explained.includes("passed unread"), explained);
  });

  for (const [section, mode, event] of [
    ["NATSProtocolErrors", "ENFORCE", "unreadable"],
    ["NATSDryRunPassesUnread", "DRY_RUN", "unreadable_passed"],
  ] as const) {
    it(`find in the log the records of what could not be read in ${mode}`, () => {
      // A proxy may have plugins in both modes, and their records are in one log.
      const log = (["ENFORCE", "DRY_RUN"] as const).flatMap((each) => {
        const host = configuredHost({ mode: each });
        Wire.connected(host).client("NONSENSE\r\n");
        return host.logs.map(({ message }) => `${message}\n`);
      });
      assert.equal(log.filter((line) => line.includes("unreadable")).length, 2, log.join(""));
      assert.deepEqual(eventsFound(section, log), [event]);
      assert.deepEqual(eventsFound(section, log.map(asJson)), [event]);
    });
  }

  it("find in the log why a policy counts as rejected that another VM of the proxy has published", () => {
    for (const published of [envelope('{"newer":1}'), Buffer.from("what another plugin writes")]) {
      const shared = new SharedData();
      const host = vm(shared);
      host.configure(only("a"));
      Wire.connected(host);
      shared.set(KEY, published);
      shared.set(CHANGE_KEY, Buffer.from("x"));
      tick(host);
      assert.equal(stat(host, "istio_nats_policy_rejected_total"), 1);
      const said = host.logs.filter(({ level }) => level === "critical").map(({ message }) => `${message}\n`);
      assert.equal(said.length, 1);
      assert.equal(found("NATSPolicyRejected", said), said[0]);
    }
  });

  it("find in the log everything that the filter says about a policy with faults", () => {
    const [refused = ""] = snippets("docs/reference/policy.md", "yaml refused");
    const { accepted, logs } = new Host(filterModule()).configure(parseAllDocuments(refused)[0]!.toJS() as object);
    assert.equal(accepted, false);
    const said = logs.map(({ message }) => message).join("\n");
    assert.equal(found("NATSPolicyRejected", [`a line before\n${said}\n`]), `${said}\n`);
    assert.ok(said.split("\n").length > 4, said);
  });
});

describe("what the page on troubleshooting gives doctor of a cluster", () => {
  const kinds = [...read("docs/how-to/troubleshoot.md").matchAll(/^\$ kinds=(\S+)$/gm)]
    .flatMap(([, names = ""]) => names.split(","))
    .map((name) => name.replace(/s?\..*$/, ""));

  // What other tools are to make of their own objects is in the cluster already, and the page asks for all kinds.
  const others = ["not-rendered", "cluster-not-asked"];
  for (const id of readdirSync(FIXTURES).filter((name) => !others.includes(name))) {
    it(`is enough for it to find ${id}`, () => {
      const documents = parseAllDocuments(readFileSync(join(FIXTURES, id, "bad.yaml"), "utf8")).filter((one) =>
        kinds.includes(String(one.get("kind")).toLowerCase()),
      );
      const ids = doctor(documents.map(String).join("---\n")).map((finding) => finding.id);
      assert.ok(ids.includes(id), ids.join());
    });
  }
});
