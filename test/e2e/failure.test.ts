import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, before, describe, it, type TestContext } from "node:test";
import { inRoot } from "../../tools/paths.ts";
import { buildModule } from "../../tools/wasm.ts";
import { RawClient } from "../stand/raw-client.ts";
import { residentOf } from "../stand/resident.ts";
import { Stand } from "../stand/stand.ts";
import { waitFor } from "../stand/wait.ts";
import type { WasmFilter } from "../stand/wasm-filter.ts";
import { linesOf } from "./frames.ts";
import { ORDERS_API, shopPolicy } from "./policy.ts";
import { settled } from "../stand/settled.ts";

// The filter with one addition: a chunk that begins with these bytes ends the VM.
const TRAP = "test/e2e/modules/trap.ts";
const MARKER = "TRAP\r\n";

const MIB = 1 << 20;

/** FAIL_RELOAD's wait before a new VM, in milliseconds. Envoy's own second would only make the test wait. */
const BACKOFF = 100;

const REFUSAL = `-ERR 'Permissions Violation for Publish to "shop.a.secret.x"'`;

async function connect(stand: Stand, port: number): Promise<RawClient> {
  const tls = await stand.identity(ORDERS_API);
  return RawClient.connect(port, { tls });
}

/** A connection that works, or undefined if it does not. */
async function tryToConnect(stand: Stand, port: number): Promise<RawClient | undefined> {
  try {
    const client = await connect(stand, port);
    await client.handshake();
    return client;
  } catch {
    return undefined;
  }
}

/** A connection that works and on which the policy is enforced. */
async function assertJudged(client: RawClient): Promise<void> {
  await client.send("PUB shop.a.secret.x 2\r\nhi\r\nSUB shop.a.open 1\r\nPUB shop.a.open 2\r\nhi\r\nUNSUB 1\r\n");
  assert.deepEqual(linesOf(await client.flush()), [REFUSAL, "MSG shop.a.open 1 2"]);
}

/** Nothing comes before the end, not even INFO. */
async function assertClosedAtOnce(stand: Stand, port: number): Promise<void> {
  let client: RawClient;
  try {
    client = await connect(stand, port);
  } catch {
    // Envoy ended it within the handshake.
    return;
  }
  await client.send('CONNECT {"name":"kept-out"}\r\nPUB shop.kept-out 2\r\nhi\r\n').catch(() => undefined);
  assert.deepEqual(linesOf(await client.untilClosed()), []);
}

async function startTrapping(failurePolicy: WasmFilter["failurePolicy"]): Promise<Stand> {
  const wasm = await buildModule(TRAP);
  const filter: WasmFilter = { wasm, config: shopPolicy, failurePolicy, reloadBackoff: BACKOFF };
  return Stand.start({ listeners: { mtls: { filter } }, nats: { trace: true } });
}

/** Ends the VM while another connection is open, and returns that connection. */
async function trap(stand: Stand): Promise<RawClient> {
  const bystander = await connect(stand, stand.port());
  await bystander.handshake();
  await assertJudged(bystander);
  const victim = await connect(stand, stand.port());
  await victim.handshake();
  await victim.send(MARKER);
  assert.deepEqual(linesOf(await victim.untilClosed()), []);
  return bystander;
}

/** The connections that were open in the VM are ended, and none of their bytes pass. */
async function assertNothingPasses(stand: Stand, bystander: RawClient): Promise<void> {
  await bystander.send("PUB shop.kept-out 2\r\nhi\r\n").catch(() => undefined);
  assert.deepEqual(linesOf(await bystander.untilClosed()), []);
  assert.doesNotMatch(stand.nats.log(), /kept-out/);
  assert.match(stand.nats.log(), /<<- \[PUB shop\.a\.open 2\]/);
}

describe("a VM that died, with FAIL_CLOSED", () => {
  let stand: Stand;

  before(async () => {
    stand = await startTrapping("FAIL_CLOSED");
    await stand.envoy.waitForStat("istio_nats_policy_info", { mode: "ENFORCE" }, (value) => value === 1);
  });

  after(() => stand.stop());

  it("lets nothing pass on open or new connections, and Envoy keeps running", async () => {
    const bystander = await trap(stand);
    await assertNothingPasses(stand, bystander);
    for (let i = 0; i < 3; i++) await assertClosedAtOnce(stand, stand.port());
    assert.doesNotMatch(stand.nats.log(), /kept-out/);
    assert.match(stand.envoy.log(), /Function: proxy_on_downstream_data failed/);
    assert.ok(stand.envoy.isRunning);
  });

  it("shows in the log and in Envoy's counters, but in no count of VMs and policies, as docs/how-to/troubleshoot.md says", async () => {
    const [, section = ""] = readFileSync(inRoot("docs", "how-to", "troubleshoot.md"), "utf8").split(
      "## NATSFilterReloaded\n",
    );
    const [taken = "", passed = ""] = section.match(/envoy_(tcp|cluster)_\w+_cx_total/g) ?? [];
    const [takenBefore, passedBefore] = [await stand.envoy.stat(taken), await stand.envoy.stat(passed)];
    assert.ok(takenBefore > 0 && passedBefore > 0);
    await assertClosedAtOnce(stand, stand.port());
    await stand.envoy.waitForStat(taken, {}, (count) => count === takenBefore + 1);
    assert.equal(await stand.envoy.stat(passed), passedBefore);
    assert.equal(await stand.envoy.stat("istio_nats_policy_info", { mode: "ENFORCE" }), 1);
    const reloads = (await stand.envoy.samples()).filter(({ name }) => name.includes("vm_reload"));
    assert.ok(reloads.length > 0 && reloads.every(({ value }) => value === 0));
    const [, pattern = ""] = /\| grep (.*)$/m.exec(section) ?? [];
    const log = `${stand.envoy.log()}${"[warning][wasm] wasm log a: later\n".repeat(30)}`;
    const { stdout } = spawnSync("sh", ["-c", `grep ${pattern}`], { input: log, encoding: "utf8" });
    assert.match(stdout, /Function: proxy_on_downstream_data failed: Uncaught/);
    assert.match(stdout, /"event":"connected"/);
    assert.ok(stdout.split("later").length < 30, stdout);
  });
});

describe("a VM that died, with FAIL_RELOAD", () => {
  let stand: Stand;

  before(async () => {
    stand = await startTrapping("FAIL_RELOAD");
  });

  after(() => stand.stop());

  it("lets nothing pass on open connections, and new connections are judged again", async () => {
    for (let deaths = 1; deaths <= 2; deaths++) {
      const bystander = await trap(stand);
      await assertNothingPasses(stand, bystander);
      const client = await waitFor("a connection by a new VM", () => tryToConnect(stand, stand.port()));
      await assertJudged(client);
      client.close();
    }
    assert.doesNotMatch(stand.nats.log(), /kept-out/);
    const plugin = "wasm.messaging.mtls~istio-translated-wasmplugin";
    assert.ok((await stand.envoy.rawStat(`${plugin}.vm_reload_success`)) > 0);
  });

  it("leaves what it had added to the gauges of connections, but not of the policy, as docs/reference/telemetry.md says", async () => {
    const active = "istio_nats_connections_active";
    const before = await settled(() => stand.envoy.stat(active));
    const bystander = await connect(stand, stand.port());
    await bystander.handshake();
    await stand.envoy.waitForStat(active, {}, (value) => value === before + 1);
    const victim = await connect(stand, stand.port());
    await victim.handshake();
    await victim.send(MARKER);
    await victim.untilClosed();
    await bystander.untilClosed();
    const client = await waitFor("a connection by a new VM", () => tryToConnect(stand, stand.port()));
    await stand.envoy.waitForStat("istio_nats_policy_info", { mode: "ENFORCE" }, (value) => value === 1);
    // The victim's connection may have come and gone between two ticks. The bystander's stays.
    const closed = await stand.envoy.stat("istio_nats_connections_closed_total");
    client.close();
    await stand.envoy.waitForStat("istio_nats_connections_closed_total", {}, (count) => count > closed);
    assert.ok((await stand.envoy.stat(active)) >= before + 1);
  });

  it("keeps no memory of those that died", async (t: TestContext) => {
    const die = async (): Promise<void> => {
      const bystander = await trap(stand);
      await bystander.untilClosed();
      const client = await waitFor("a connection by a new VM", () => tryToConnect(stand, stand.port()));
      client.close();
    };
    await die();
    const before = residentOf(stand.envoy.pid);
    for (let i = 0; i < 5; i++) await die();
    const after = residentOf(stand.envoy.pid);
    t.diagnostic(`${before.all >> 10} KiB, and ${after.all >> 10} after five more`);
    assert.ok(before.memories.length > 0);
    assert.equal(after.memories.length, before.memories.length);
    assert.ok(after.all < before.all + 8 * MIB, `${before.all} and then ${after.all} bytes`);
  });
});

describe("a configuration that is refused", () => {
  const faulty = { ...shopPolicy, rules: [{ name: "nobody", publish: { allow: ["shop.>.x"] } }] };
  let stand: Stand;

  before(async () => {
    stand = await Stand.start({
      listeners: { faulty: { filter: { config: faulty } }, sound: { filter: { config: shopPolicy } } },
      nats: { trace: true },
    });
  });

  after(() => stand.stop());

  it("at the start closes every connection, and the log names each fault", async () => {
    await assertClosedAtOnce(stand, stand.port("faulty"));
    assert.doesNotMatch(stand.nats.log(), /kept-out/);
    // Envoy writes each line of a text separately.
    assert.match(stand.envoy.log(), /refused whole, 2 fault/);
    assert.match(stand.envoy.log(), /rules\[0\]\.publish\.allow\[0\]: "shop\.>\.x"/);
    assert.match(stand.envoy.log(), /rules\[0\].*from/);
  });

  it("as an update is rejected, and the old one stays in force on open and on new connections", async () => {
    const open = await connect(stand, stand.port("sound"));
    await open.handshake();
    assert.equal(await stand.update({ config: faulty }, "sound"), "REJECTED");
    await assertJudged(open);
    const next = await connect(stand, stand.port("sound"));
    await next.handshake();
    await assertJudged(next);
    open.close();
    next.close();
  });

  it("is repaired by the next update, even on the listener that started with it", async () => {
    assert.equal(await stand.update({ config: shopPolicy }, "faulty"), "ACCEPTED");
    const port = stand.port("faulty");
    const client = await waitFor("the new configuration is in force", () => tryToConnect(stand, port));
    await assertJudged(client);
    client.close();
  });
});
