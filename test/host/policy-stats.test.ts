import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { inRoot } from "../../tools/paths.ts";
import { filterModule } from "./filter.ts";
import { fnv1a } from "./fnv.ts";
import { Host } from "./host.ts";
import { isSeries, policy, stat } from "./wire.ts";

/** The values of `istio_nats_policy_info` for a configuration. */
function fingerprint(text: string): string {
  return fnv1a(text).toString(16).padStart(16, "0");
}

describe("what is reported of the policy in force", () => {
  const text = JSON.stringify(policy());

  /** What a scrape sees now of whether these texts are in force. */
  const seen = (host: Host, ...texts: readonly string[]): (number | undefined)[] =>
    texts.map((of) => {
      const isInfo = (raw: string): boolean => isSeries(raw, "istio_nats_policy_info", { policy: fingerprint(of) });
      return [...host.metrics].find(([raw]) => isInfo(raw))?.[1];
    });

  it("is its fingerprint, mode, the filter's version and the number of rules, after the first tick", () => {
    const host = new Host(filterModule());
    assert.ok(host.configure(text).accepted);
    assert.deepEqual(seen(host, text), [0]);
    const { version } = JSON.parse(readFileSync(inRoot("package.json"), "utf8")) as { version: string };
    const labels = { policy: fingerprint(text), mode: "ENFORCE", version, reporter: "destination" };
    assert.equal(stat(host, "istio_nats_policy_info", labels), 1);
    assert.equal(stat(host, "istio_nats_policy_rules"), 1);
  });

  it("returns to 0 when another policy takes its place, and comes back with it", () => {
    const host = new Host(filterModule());
    const other = JSON.stringify(policy({ mode: "DRY_RUN" }));
    const value = (of: string): number => stat(host, "istio_nats_policy_info", { policy: fingerprint(of) });
    const first = host.configure(text).root;
    assert.equal(value(text), 1);
    assert.ok(host.configure(other).accepted);
    host.deleteRoot(first);
    assert.deepEqual([value(text), value(other)], [0, 1]);
    assert.ok(host.configure(text).accepted);
    assert.deepEqual([value(text), value(other)], [1, 0]);
  });

  for (const [change, other] of [
    ["policy", JSON.stringify(policy({ mode: "DRY_RUN" }))],
    ["reporter", JSON.stringify({ ...policy(), identity: "WAYPOINT" })],
  ] as const) {
    it(`of another ${change} is told before the one before is taken back, so that no scrape misses both`, () => {
      for (const isLate of [false, true]) {
        const host = new Host(filterModule());
        const first = host.configure(text).root;
        host.tick();
        assert.ok(host.configure(other).accepted);
        if (!isLate) host.deleteRoot(first);
        assert.deepEqual(seen(host, text, other), [1, 0]);
        host.tick();
        assert.deepEqual(seen(host, text, other), [0, 1]);
        if (isLate) host.deleteRoot(first);
        assert.deepEqual(seen(host, text, other), [0, 1]);
      }
    });
  }

  it("stays at 1 where one of two plugins leaves the policy that both have", () => {
    const host = new Host(filterModule());
    const labels = { policy: fingerprint(text) };
    const [one] = ["one", "two"].map((plugin) => host.configure(text, plugin).root);
    assert.equal(stat(host, "istio_nats_policy_info", labels), 1);
    assert.ok(host.configure(policy({ mode: "DRY_RUN" }), "one").accepted);
    host.deleteRoot(one!);
    assert.deepEqual(seen(host, text), [1]);
    assert.equal(stat(host, "istio_nats_policy_info", labels), 1);
  });

  it("returns to 0 when the plugin is taken away", () => {
    const host = new Host(filterModule());
    const { root } = host.configure(text);
    host.tick();
    assert.deepEqual(seen(host, text), [1]);
    host.deleteRoot(root);
    assert.deepEqual(seen(host, text), [0]);
  });

  it("returns to 0 though twenty others take its place before the next tick", () => {
    const host = new Host(filterModule());
    const texts = Array.from({ length: 21 }, (_, i) => JSON.stringify(policy({ audit: { burst: i + 1 } })));
    let former: number | undefined;
    for (const each of texts) {
      const { root, accepted } = host.configure(each);
      assert.ok(accepted);
      if (former === undefined) host.tick();
      else host.deleteRoot(former);
      former = root;
    }
    host.tick();
    assert.deepEqual(
      seen(host, ...texts),
      texts.map((_, i) => (i === 20 ? 1 : 0)),
    );
  });

  it("is not set to 0 by a VM that has only tried it, which other VMs may have in force", () => {
    const host = new Host(filterModule());
    host.deleteRoot(host.configure(text).root);
    assert.equal(host.counts["proxy_record_metric"], 0);
  });

  it("has the number of rules of each plugin of a proxy, and not of whichever ticked last", () => {
    const host = new Host(filterModule());
    const { rules: one } = JSON.parse(text) as { rules: object[] };
    const other = JSON.stringify({ ...policy(), rules: [...one, ...one.map((rule) => ({ ...rule, name: "more" }))] });
    const rules = (of: string): number => stat(host, "istio_nats_policy_rules", { policy: fingerprint(of) });
    assert.ok(host.configure(text, "one").accepted);
    const second = host.configure(other, "two").root;
    assert.deepEqual([rules(text), rules(other)], [1, 2]);
    host.deleteRoot(second);
    assert.deepEqual([rules(text), rules(other)], [1, 0]);
  });
});
