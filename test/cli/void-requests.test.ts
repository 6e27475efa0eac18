import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { JETSTREAM_FORMS } from "../../cli/policy/void-requests.ts";
import { intersection } from "../../cli/policy/pattern-overlap.ts";
import { inRoot } from "../../tools/paths.ts";
import { istioNats } from "./support.ts";

/** The source of the nats-server that the tests run. */
function sourceOfServer(file: string): string {
  const list = ["list", "-mod=readonly", "-m", "-f", "{{.Dir}}", "github.com/nats-io/nats-server/v2"];
  const { stdout, stderr } = spawnSync("go", list, { cwd: inRoot("tools/go"), encoding: "utf8" });
  assert.notEqual(stdout.trim(), "", stderr);
  return readFileSync(join(stdout.trim(), "server", file), "utf8");
}

/** What nats-server has in a constant, whose blanks it fills in with names. */
function patternsOfServer(): string[] {
  const constants = [
    ...sourceOfServer("jetstream_api.go").matchAll(/^\t\w+ += "(\$JS\.(?:API|FC|SNAPSHOT)\.[^"]*[^."])"$/gm),
  ];
  return constants.map(([, text = ""]) => text.replace(/%s/g, "*")).filter((text) => text !== "$JS.API.>");
}

function told(operation: object): { line: number; message: string; remedy: string }[] {
  const rule = { name: "r", from: [{ serviceAccounts: ["shop/a"] }], subscribe: { allow: ["_INBOX.>"] }, ...operation };
  const policy = { trustDomains: ["cluster.local"], rules: [rule] };
  const { output } = istioNats(["check", "--output", "json", "-"], JSON.stringify(policy));
  const { findings } = JSON.parse(output) as {
    findings: { id: string; line: number; message: string; remedy: string }[];
  };
  return findings.filter(({ id }) => id === "js-subject-void");
}

describe("what clients publish to JetStream", () => {
  it("has every request of nats-server's own list", () => {
    const ofServer = patternsOfServer();
    assert.ok(ofServer.length > 60, ofServer.join(" "));
    for (const pattern of ofServer) {
      // The prefix of a request with a subject behind it.
      if (pattern === "$JS.API.DIRECT.GET") continue;
      assert.ok(
        JETSTREAM_FORMS.some((form) => intersection(form, pattern) !== undefined),
        pattern,
      );
    }
  });

  it("is all that docs/reference/client-rights.md gives to clients and integrations", () => {
    const page = readFileSync(inRoot("docs/reference/client-rights.md"), "utf8");
    const [, tables = ""] = /\n## What a client needs\n([\s\S]*)$/.exec(page) ?? [];
    const allow = [...tables.matchAll(/`(\$(?:JS|KV|O)\.[^\s`…]+)`/g)].map(([, subject]) => subject);
    assert.ok(allow.length > 60);
    assert.deepEqual(told({ publish: { allow } }), []);
  });

  it("is not looked for in what peers subscribe to, nor where something else is told of the entry", () => {
    assert.deepEqual(told({ subscribe: { allow: ["_INBOX.>", "$KV.prices", "$JS.ACK.ORDERS"] } }), []);
    const unfilled = ["$JS.API.STREAM.INFO.${STREAM}", "$JS.ACK.${CONSUMER}", "$JS.ACK.{{.consumer}}"];
    assert.deepEqual(told({ publish: { allow: unfilled } }), []);
    assert.deepEqual(told({ publish: { allow: ["$JS.ACK.ORDERS*", "$KV.>prices"] } }), []);
  });
});

describe("the remedy for a subject on which no client of JetStream publishes", () => {
  for (const [written, meant] of [
    ["$JS.API.STREAM.INFO", "$JS.API.STREAM.INFO.*, or a name for *"],
    ["$JS.API.CONSUMER.INFO.ORDERS", "$JS.API.CONSUMER.INFO.ORDERS.*, or a name for *"],
    ["$JS.API.CONSUMER.NEXT.ORDERS.billing", "$JS.API.CONSUMER.MSG.NEXT.ORDERS.billing"],
    ["$JS.API.STREAM.GET.ORDERS", "$JS.API.STREAM.MSG.GET.ORDERS"],
    ["$JS.API.STREAM.INFO.ORDERS.>", "$JS.API.STREAM.INFO.ORDERS"],
    ["$JS.API.STREAM.INFO.ORDERS.orders.new", "$JS.API.STREAM.INFO.ORDERS"],
    ["$JS.ACK.ORDERS.billing", "$JS.ACK.ORDERS.billing.>"],
    ["$JS.ACK.ORDERS.billing.*", "$JS.ACK.ORDERS.billing.>"],
    ["$JS.hub.API.STREAM.INFO", "$JS.hub.API.STREAM.INFO.*, or a name for *"],
    ["$JS.hub.API.$KV.prices", "$JS.hub.API.$KV.prices.>"],
    ["$KV_prices.eur", "$KV.prices.eur"],
    ["$OBJ.files.>", "$O.files.>"],
    ["$O.files", "$O.files.>"],
  ] as const) {
    it(`is to write ${meant} for ${written}`, () => {
      const remedies = told({ publish: { allow: [written] } }).map(({ remedy }) => remedy);
      assert.deepEqual(remedies, [`write ${meant}`]);
    });
  }

  it("leads to the table of what clients need where nothing is near", () => {
    const [{ remedy } = { remedy: "" }] = told({ publish: { allow: ["$JS.API.CONSUMERS.INFO.ORDERS.billing"] } });
    assert.match(remedy, /docs\/reference\/client-rights\.md/);
  });

  it("says of a deny that it stops nothing, and gives it all that it was to stop", () => {
    const publish = { allow: ["$JS.API.>"], deny: ["$JS.API.STREAM.DELETE"] };
    assert.deepEqual(
      told({ publish }).map(({ message, remedy }) => [message, remedy]),
      [
        [
          'rule "r" denies $JS.API.STREAM.DELETE, on which no client of JetStream publishes: it stops nothing',
          "write $JS.API.STREAM.DELETE.*",
        ],
      ],
    );
  });
});
