import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { PatternTree } from "../../cli/policy/pattern-tree.ts";
import { stepCountingModule, stepsOf } from "../host/steps.ts";
import { pub, Wire } from "../host/wire.ts";
import { Host } from "../host/host.ts";
import { doctor, placed } from "./support.ts";

/** One entry for each way to have `*` in place of some of so many names. */
function allArrangements(names: number): string[] {
  return Array.from({ length: 1 << names }, (_, bits) =>
    [...Array.from({ length: names }, (_, i) => ((bits >> i) & 1 ? "*" : `n${i}`)), "no"].join("."),
  );
}

function policyOf(publish: object): object {
  return { trustDomains: ["cluster.local"], rules: [{ name: "a", from: [{ principals: ["*"] }], publish }] };
}

function findings(publish: object): string[] {
  return doctor(`kind: WasmPlugin
apiVersion: extensions.istio.io/v1alpha1
metadata: { name: istio-nats, namespace: messaging }
spec:
  selector: { matchLabels: { app: nats } }
  type: NETWORK
  url: oci://registry.test/istio-nats@sha256:${"4f1a2c9d".repeat(8)}
  failStrategy: FAIL_RELOAD
  phase: STATS
  match: [{ mode: SERVER, ports: [{ number: 4222 }] }]
  pluginConfig: ${JSON.stringify(policyOf(publish))}
`).map((finding) => `${placed(finding)} ${finding.message}`);
}

describe("the ways along which a subject is followed", () => {
  let module: WebAssembly.Module;
  before(async () => {
    module = await stepCountingModule();
  });

  /** The steps of the filter for a subject that is asked for the first time. */
  function steps(deny: string[], subject: string): number {
    const host = new Host(module);
    host.configure(policyOf({ allow: [">"], deny }));
    const wire = Wire.connected(host);
    wire.client(pub("other"));
    return stepsOf(host, () => wire.client(pub(subject)));
  }

  it("are as many as the filter follows the subject that is named", () => {
    const measured = [3, 5, 7, 9].map((names) => {
      const entries = allArrangements(names);
      const { subject, ways } = new PatternTree(entries).mostWays();
      // One for each beginning of an entry with which the subject begins, and the root.
      assert.equal(ways, 2 ** (names + 1) - 1 + 2 ** names, subject);
      assert.match(subject, /^n0\.n1\.n2(?:\.n\d)*\.no\.any$/);
      return { ways, steps: steps(entries, subject) };
    });
    const forEachWay = measured.slice(1).map((one, i) => {
      const fewer = measured[i]!;
      return (one.steps - fewer.steps) / (one.ways - fewer.ways);
    });
    const spread = Math.max(...forEachWay) / Math.min(...forEachWay);
    assert.ok(spread < 1.1, `${forEachWay.join(", ")} steps for each way`);
  });

  it("are few where entries have names at the same places, however many these are", () => {
    const entries = Array.from({ length: 5000 }, (_, i) => `o.${i}.*.e${i % 7}.*`);
    assert.ok(new PatternTree(entries).mostWays().ways < 10);
  });

  it("are not followed behind a `>`, which ends the walk", () => {
    const { ways } = new PatternTree([">", ...allArrangements(7)]).mostWays();
    assert.equal(ways, 1);
  });

  it("are told where they are too many, in whatever list, with the subject", () => {
    const entries = allArrangements(6);
    const subject = "n0.n1.n2.n3.n4.n5.no.any";
    for (const [list, publish] of [
      ["publish.allow", { allow: entries }],
      ["publish.deny", { allow: [">"], deny: entries }],
    ] as const) {
      const [found, ...others] = findings(publish);
      assert.match(
        found!,
        new RegExp(`^11:\\d+ wildcards-many the ${list} lists have .* that ${subject} is followed along 191 ways$`),
      );
      assert.deepEqual(others, []);
    }
    assert.deepEqual(findings({ allow: allArrangements(5) }), []);
  });
});
