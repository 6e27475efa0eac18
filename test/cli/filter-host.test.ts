import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { configuration, SOUND } from "../fuzz/configurations.ts";
import { Random } from "../host/random.ts";
import { doctor, filter } from "./support.ts";

function policy(rules: number, allow: string): string {
  const rule = (index: number): object => ({
    name: `r${index}`,
    from: [{ serviceAccounts: [`shop/a${index}`] }],
    publish: { allow: [allow] },
  });
  return JSON.stringify({ trustDomains: ["cluster.local"], rules: Array.from({ length: rules }, (_, i) => rule(i)) });
}

/** How many VMs are made while something runs. */
function virtualMachines(run: () => void): number {
  const { Instance } = WebAssembly;
  let made = 0;
  WebAssembly.Instance = class extends Instance {
    constructor(module: WebAssembly.Module, imports?: WebAssembly.Imports) {
      super(module, imports);
      made++;
    }
  };
  try {
    run();
  } finally {
    WebAssembly.Instance = Instance;
  }
  return made;
}

describe("a VM that reads several policies", () => {
  it("says of each what a fresh one says", () => {
    const random = new Random(20261130);
    const mutated = Array.from({ length: 400 }, () => configuration(random));
    const ofSize = [1, 150, 2000].flatMap((rules) => ["a.>", "a..b"].map((allow) => policy(rules, allow)));
    const texts = ["", ...SOUND, ...mutated, ...ofSize, ...mutated.slice(0, 60).reverse()];
    let refused = 0;
    for (const text of texts) {
      const { accepted, faults, unlisted, fingerprint } = filter.measure(text);
      assert.deepEqual(filter.judge(text), { accepted, faults, unlisted }, text);
      assert.equal(fingerprint !== undefined, accepted, text);
      if (!accepted) refused++;
    }
    assert.ok(refused > 100 && refused < texts.length - 50, `${refused} of ${texts.length} are refused`);
  });

  it("is one for many plugins of doctor", () => {
    const plugins = Array.from({ length: 100 }, (_, index) =>
      JSON.stringify({
        apiVersion: "extensions.istio.io/v1alpha1",
        kind: "WasmPlugin",
        metadata: { name: "istio-nats", namespace: `n${index}` },
        spec: { pluginConfig: JSON.parse(policy(1, `a${index}.>`)) as object },
      }),
    );
    const made = virtualMachines(() => doctor(plugins.join("\n---\n")));
    assert.ok(made > 0 && made <= 3, `${made} VMs for 100 plugins`);
  });
});
