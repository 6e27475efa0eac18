import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { CHECKS, documentationOf } from "../../cli/doctor/table.ts";
import { referencePage, referenceText } from "../../tools/cli-reference.ts";
import { inRoot } from "../../tools/paths.ts";
import { doctor } from "./support.ts";

const page = readFileSync(referencePage, "utf8");

describe("docs/reference/cli.md", () => {
  it("is what the command's tables make", async () => {
    assert.equal(page, await referenceText(), "run npm run docs:cli");
  });

  it("has a row for every check, with the anchor to which findings link", () => {
    for (const id of CHECKS.keys()) {
      assert.equal(documentationOf(id), `docs/reference/cli.md#${id}`);
      assert.ok(page.includes(`\n| <a id="${id}"></a>\`${id}\` `), id);
    }
  });

  it("shows an example in doctor's own words for it", () => {
    const [finding] = doctor(
      "apiVersion: v1\nkind: Service\nmetadata: { name: nats, namespace: messaging }\nspec: { ports: [{ name: client, port: 4222 }] }\n",
    );
    assert.ok(page.includes(`: error: ${finding!.message} [port-not-tcp]\n    ${finding!.remedy}\n`));
  });

  it("links to nothing that does not exist", () => {
    for (const [, target = ""] of page.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g))
      assert.ok(existsSync(inRoot("docs", "reference", target)), target);
  });
});

describe("docs/how-to/troubleshoot.md", () => {
  it("names only checks of doctor that exist", () => {
    const guide = readFileSync(inRoot("docs", "how-to", "troubleshoot.md"), "utf8");
    const named = [...guide.matchAll(/\/cli\.md#([\w-]+)\)/g)].map(([, id = ""]) => id);
    assert.ok(named.length >= 10);
    assert.deepEqual(
      named.filter((id) => !CHECKS.has(id)),
      [],
    );
  });
});
