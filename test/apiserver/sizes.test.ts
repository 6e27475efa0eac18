import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Outcome } from "../../tools/command.ts";
import { doctor } from "../cli/support.ts";
import { ControlPlane } from "./control-plane.ts";

type Size = "object-too-large" | "object-near-limit" | "object-too-large-for-apply";

/** A WasmPlugin with so many characters more. */
type Padded = (padding: number) => string;

function pluginWith(allow: readonly string[], annotations?: Record<string, string>): Padded {
  return (padding) =>
    JSON.stringify({
      apiVersion: "extensions.istio.io/v1alpha1",
      kind: "WasmPlugin",
      metadata: { name: "istio-nats", namespace: "messaging", annotations },
      spec: {
        type: "NETWORK",
        url: "oci://registry.example/istio-nats",
        match: [{ ports: [{ number: 4222 }] }],
        pluginConfig: {
          rules: [{ name: "r", from: [{ principals: ["*"] }], publish: { allow } }],
          padding: "x".repeat(padding),
        },
      },
    });
}

function has(text: string, ids: readonly Size[]): boolean {
  return doctor(text).some(({ id }) => ids.some((one) => one === id));
}

/** The most padding of which doctor says none of these. One character more, and it does. */
function mostWithout(ids: readonly Size[], plugin: Padded): number {
  let [without, withIt] = [0, 2 ** 21];
  assert.ok(!has(plugin(without), ids) && has(plugin(withIt), ids));
  while (withIt - without > 1) {
    const middle = Math.floor((without + withIt) / 2);
    if (has(plugin(middle), ids)) withIt = middle;
    else without = middle;
  }
  return without;
}

describe("the sizes of which doctor warns, at kube-apiserver", () => {
  let plane: ControlPlane;

  before(async () => {
    plane = await ControlPlane.start();
    await plane.makeNamespaces(["messaging"]);
  });
  after(() => plane.stop());

  async function kubectl(text: string, ...command: string[]): Promise<Outcome> {
    return plane.kubectl(...command, "-f", plane.file("plugin.json", text));
  }

  async function assertTaken(text: string, ...command: string[]): Promise<void> {
    const { status, output } = await kubectl(text, ...command);
    assert.equal(status, 0, output);
  }

  async function assertRefused(text: string, why: RegExp, ...command: string[]): Promise<void> {
    const { status, output } = await kubectl(text, ...command);
    assert.notEqual(status, 0);
    assert.match(output, why);
  }

  const CASES: Record<string, Padded> = {
    "of plain letters": pluginWith(["a"]),
    "with a >, which has six bytes": pluginWith([">"]),
    "with a character that JavaScript leaves as it is": pluginWith(["\u2028"]),
    "with a thousand subjects": pluginWith(Array.from({ length: 1000 }, () => "orders.>")),
    "with an annotation of its own": pluginWith(["a"], { k: "<v>" }),
  };
  for (const [about, plugin] of Object.entries(CASES)) {
    it(`are to the byte those that client-side kubectl apply takes (${about})`, async () => {
      const most = mostWithout(["object-too-large-for-apply"], plugin);
      await assertTaken(plugin(most), "apply", "--dry-run=server");
      await assertRefused(plugin(most + 1), /metadata\.annotations: Too long/, "apply", "--dry-run=server");
      await assertTaken(plugin(most + 1), "apply", "--dry-run=server", "--server-side");
    });
  }

  it("are those that etcd takes and refuses, between which doctor warns", async () => {
    // etcd itself has to be asked: a dry run would not reach it.
    for (const plugin of [pluginWith(["a"]), pluginWith(Array.from({ length: 20_000 }, () => "orders.>"))]) {
      const small = plugin(mostWithout(["object-near-limit", "object-too-large"], plugin));
      const tooLarge = plugin(mostWithout(["object-too-large"], plugin) + 1);
      for (const command of [["create"], ["apply", "--server-side"]]) {
        await assertTaken(small, ...command);
        await assertTaken(small, "delete");
        await assertRefused(tooLarge, /etcdserver: request is too large/, ...command);
      }
    }
  });
});
