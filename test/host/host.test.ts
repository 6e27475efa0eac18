import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { Host, SharedData, type Connection } from "./host.ts";
import { compileSource } from "./piece.ts";

/**
 * A filter that does what the first byte of the client's data says, and logs what happened to it. In a real Envoy 1.40 the same
 * module logged what the tests below expect.
 */
const PROBE = `
@external("env", "proxy_log") declare function hostLog(level: i32, pointer: usize, size: i32): i32;
@external("env", "proxy_get_buffer_bytes")
declare function getBuffer(type: i32, start: i32, length: i32, pointer: usize, size: usize): i32;
@external("env", "proxy_set_buffer_bytes")
declare function setBuffer(type: i32, start: i32, length: i32, pointer: usize, size: i32): i32;
@external("env", "proxy_get_property") declare function getProperty(path: usize, size: i32, out: usize, outSize: usize): i32;
@external("env", "proxy_set_property") declare function setProperty(path: usize, size: i32, value: usize, valueSize: i32): i32;
@external("env", "proxy_close_stream") declare function closeStream(type: i32): i32;
@external("env", "proxy_continue_stream") declare function continueStream(type: i32): i32;
@external("env", "proxy_set_effective_context") declare function setContext(id: i32): i32;
@external("env", "proxy_set_tick_period_milliseconds") declare function setTick(period: i32): i32;
@external("env", "proxy_get_current_time_nanoseconds") declare function getTime(out: usize): i32;
@external("env", "proxy_define_metric") declare function defineMetric(kind: i32, name: usize, size: i32, id: usize): i32;
@external("env", "proxy_increment_metric") declare function increment(id: i32, offset: i64): i32;
@external("env", "proxy_record_metric") declare function record(id: i32, value: i64): i32;
@external("env", "proxy_get_shared_data")
declare function getShared(key: usize, size: i32, out: usize, outSize: usize, cas: usize): i32;
@external("env", "proxy_set_shared_data")
declare function setShared(key: usize, size: i32, value: usize, valueSize: i32, cas: i32): i32;

const out = memory.data(24);
let last: i32 = 0;
let requestedContext: i32 = 0;

export function malloc(size: usize): usize { return heap.alloc(size); }
export function proxy_abi_version_0_2_1(): void {}
function text(s: string): usize { return changetype<usize>(String.UTF8.encode(s)); }
function say(s: string): void { hostLog(3, text(s), s.length); }
function clear(): void { store<i32>(out, -7); store<i32>(out + 4, -7); store<u64>(out + 8, 0); }
function given(): string { return String.UTF8.decodeUnsafe(load<u32>(out), load<u32>(out + 4)); }

export function proxy_on_context_create(id: i32, parent: i32): void { say("create " + id.toString() + " of " + parent.toString()); }
export function proxy_on_vm_start(id: i32, size: i32): i32 { say("vm start"); return 1; }
export function proxy_on_configure(id: i32, size: i32): i32 {
  clear();
  getBuffer(7, 0, size, out, out + 4);
  const wanted = size == 0 ? "" : given();
  say("configure " + wanted);
  if (wanted.startsWith("tick ")) { setTick(100); requestedContext = I32.parseInt(wanted.substring(5)); }
  return wanted == "refuse" ? 0 : 1;
}
export function proxy_on_tick(id: i32): void {
  say("tick " + id.toString());
  say("effective " + setContext(requestedContext).toString());
  say("edit " + setBuffer(2, 0, 0, text("z"), 1).toString());
  clear();
  say("read " + getBuffer(2, 0, 9, out, out + 4).toString() + " " + load<i32>(out).toString());
  closeStream(2);
  say("tick ends");
}
export function proxy_on_new_connection(id: i32): i32 { last = id; return 0; }
export function proxy_on_downstream_data(id: i32, size: i32, eos: i32): i32 {
  say("down " + size.toString() + (eos ? " eos" : ""));
  clear();
  getBuffer(2, 0, 1, out, out + 4);
  const command = size > 0 ? load<u8>(load<u32>(out)) : 0;
  switch (command) {
    case 0x48: return 1; // H: hold
    case 0x43: { closeStream(2); say("still in the callback"); return 0; } // C: close
    case 0x63: { closeStream(1); return 0; } // c: close as a response
    case 0x45: { // E: edit
      say("middle " + setBuffer(2, 1, 1, text("z"), 1).toString());
      setBuffer(2, 0, 2, text("<"), 1);
      setBuffer(2, 1000, 0, text(">"), 1);
      return 0;
    }
    case 0x44: { setBuffer(2, 0, size, 0, 0); return 0; } // D: drop
    case 0x50: { // P: properties
      say("uri " + getProperty(text("connection\\0uri"), 14, out, out + 4).toString() + " " + given());
      clear();
      say("none " + getProperty(text("none"), 4, out, out + 4).toString() + " " + load<i32>(out).toString());
      say("empty " + getProperty(text("empty"), 5, out, out + 4).toString() + " " + load<i32>(out).toString());
      getProperty(text("id"), 2, out, out + 4);
      say("id " + load<i64>(load<u32>(out)).toString());
      setProperty(text("wasm.x"), 6, text("y"), 1);
      return 0;
    }
    case 0x4d: { // M: metrics
      defineMetric(0, text("c"), 1, out); const first = load<i32>(out);
      defineMetric(0, text("c"), 1, out); const second = load<i32>(out);
      say("other id " + (first != second).toString());
      increment(first, 2); increment(second, 3);
      say("minus " + increment(first, -1).toString());
      defineMetric(1, text("g"), 1, out); record(load<i32>(out), 9); increment(load<i32>(out), -4);
      say("unknown " + increment(4000, 1).toString());
      getTime(out + 8); say("time " + load<u64>(out + 8).toString());
      return 0;
    }
    case 0x53: { // S: shared data
      clear();
      say("get " + getShared(text("k"), 1, out, out + 4, out + 8).toString());
      say("set " + setShared(text("k"), 1, text("v"), 1, 0).toString());
      getShared(text("k"), 1, out, out + 4, out + 8);
      const cas = load<i32>(out + 8);
      say("held " + given() + " cas " + setShared(text("k"), 1, text("w"), 1, cas).toString()
        + " stale " + setShared(text("k"), 1, text("u"), 1, cas).toString());
      return 0;
    }
    case 0x47: { memory.grow(1); return 0; } // G: grow
    case 0x4f: { // O: read over the end
      clear();
      say("over " + getBuffer(2, size + 1, 1, out, out + 4).toString() + " " + load<i32>(out + 4).toString());
      say("rest " + getBuffer(2, 1, -1, out, out + 4).toString() + " " + load<i32>(out + 4).toString());
      clear();
      say("other " + getBuffer(3, 0, 1, out, out + 4).toString() + " " + load<i32>(out + 4).toString());
      return 0;
    }
    case 0x54: unreachable(); // T: trap
  }
  return 0;
}
export function proxy_on_upstream_data(id: i32, size: i32, eos: i32): i32 {
  say("up " + size.toString() + (eos ? " eos" : ""));
  clear();
  getBuffer(3, 0, 1, out, out + 4);
  const command = size > 0 ? load<u8>(load<u32>(out)) : 0;
  if (command == 0x48) return 1;
  if (command == 0x43) closeStream(2);
  if (command == 0x52) { // R: release what is held
    setBuffer(2, 0, 1, text("r"), 1);
    say("continue " + continueStream(2).toString() + " upstream " + continueStream(3).toString());
  }
  return 0;
}
export function proxy_on_downstream_connection_close(id: i32, type: i32): void { say("closed by " + type.toString()); }
export function proxy_on_upstream_connection_close(id: i32, type: i32): void { say("server ended " + type.toString()); }
export function proxy_on_done(id: i32): i32 { say("done"); return 1; }
export function proxy_on_log(id: i32): void { say("log"); }
export function proxy_on_delete(id: i32): void { say("delete"); }
`;

const END = ["done", "log", "delete"];

describe("the Node host", () => {
  let probe: WebAssembly.Module;

  before(async () => {
    probe = await compileSource(PROBE);
  });

  function connected(properties = {}): { host: Host; c: Connection; said: () => string[] } {
    const host = new Host(probe);
    host.configure("");
    const c = host.connect({ properties });
    const from = host.logs.length;
    return { host, c, said: () => host.logs.slice(from).map(({ message }) => message) };
  }

  const string = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

  it("starts a VM once and gives every configuration a root context of its own", () => {
    const host = new Host(probe);
    const first = host.configure({ a: 1 });
    const second = host.configure("refuse");
    assert.deepEqual([first.accepted, second.accepted], [true, false]);
    assert.notEqual(first.root, second.root);
    assert.deepEqual(
      first.logs.map(({ message }) => message),
      ["create 1 of 0", "vm start", 'configure {"a":1}'],
    );
    assert.deepEqual(
      second.logs.map(({ message }) => message),
      ["create 2 of 0", "configure refuse"],
    );
    assert.equal(host.connect().root, first.root);
  });

  it("forwards what the filter leaves in the buffer if it continues", () => {
    const { c, said } = connected();
    assert.equal(string(c.fromClient("abc")), "abc");
    assert.equal(string(c.fromServer("def")), "def");
    assert.equal(string(c.fromClient("Dropped")), "");
    assert.equal(string(c.fromClient("", { eos: true })), "");
    assert.ok(c.clientEnded);
    assert.deepEqual(said(), ["down 3", "up 3", "down 7", "down 0 eos"]);
  });

  it("edits a prefix, appends, and refuses an edit in the middle", () => {
    const { c, said } = connected();
    assert.equal(string(c.fromClient("Edited")), "<ited>");
    assert.deepEqual(said(), ["down 6", "middle 2"]);
  });

  it("presents held bytes again together with new ones, in both directions", () => {
    const { c, said } = connected();
    assert.equal(string(c.fromClient("Ho")), "");
    assert.equal(c.heldDownstream, 2);
    assert.equal(string(c.fromClient("ld")), "");
    assert.equal(string(c.fromServer("Hi")), "");
    assert.equal(string(c.fromServer("gh")), "");
    assert.deepEqual(said(), ["down 2", "down 4", "up 2", "up 4"]);
  });

  it("lets the other direction edit and release held bytes, which the filter then does not see again", () => {
    const { c, said } = connected();
    c.fromClient("Hold");
    assert.equal(string(c.fromServer("Release")), "Release");
    assert.equal(string(c.takeToServer()), "rold");
    assert.equal(string(c.fromClient("x")), "x");
    assert.deepEqual(said(), ["down 4", "up 7", "continue 0 upstream 12", "down 1"]);
  });

  it("closes after the callback, before its bytes are forwarded", () => {
    for (const [send, line] of [
      [(c: Connection) => c.fromClient("Close"), "down 5"],
      [(c: Connection) => c.fromServer("Close"), "up 5"],
    ] as const) {
      const { c, said } = connected();
      assert.equal(string(send(c)), "");
      assert.ok(c.closedByFilter);
      assert.equal(string(c.fromClient("more")), "");
      assert.deepEqual(
        said().filter((message) => message !== "still in the callback"),
        [line, "closed by 1", ...END],
      );
    }
  });

  it("does nothing on a close of the wrong stream type", () => {
    const { c } = connected();
    assert.equal(string(c.fromClient("c")), "c");
    assert.equal(c.closed, false);
  });

  it("reports who closed the connection", () => {
    const client = connected();
    client.c.close();
    assert.deepEqual(client.said(), ["closed by 2", ...END]);
    const server = connected();
    server.c.fromServer("bye", { eos: true });
    server.c.close("server");
    assert.deepEqual(server.said(), ["up 3 eos", "server ended 0", "closed by 1", ...END]);
  });

  it("lets a tick close a connection by its context, but edit no buffer", () => {
    const host = new Host(probe);
    host.configure("tick 2");
    const c = host.connect();
    const from = host.logs.length;
    assert.equal(host.tickPeriod, 100);
    host.tick();
    assert.ok(c.closedByFilter);
    assert.deepEqual(
      host.logs.slice(from).map(({ message }) => message),
      ["tick 1", "effective 0", "edit 2", "read 0 0", "tick ends", "closed by 1", ...END],
    );
    host.tick();
    assert.ok(
      host.logs.some(({ message }) => message === "effective 2"),
      "the context is gone",
    );
  });

  it("answers properties, and leaves the output parameters alone if there is none", () => {
    const { c, said } = connected({ "connection.uri": "spiffe://x", empty: "", id: 7 });
    c.fromClient("P");
    assert.deepEqual(said(), ["down 1", "uri 0 spiffe://x", "none 1 -7", "empty 0 0", "id 7"]);
    assert.equal(string(c.filterState.get("wasm.x")!), "y");
  });

  it("counts metrics by name, and host calls by import", () => {
    const { host, c, said } = connected();
    host.now = 5n;
    host.advance(1);
    host.resetCounts();
    c.fromClient("M");
    assert.deepEqual(said(), ["down 1", "other id true", "minus 2", "unknown 1", "time 1000005"]);
    assert.deepEqual(
      [...host.metrics],
      [
        ["c", 5],
        ["g", 5],
      ],
    );
    assert.equal(host.counts["proxy_get_buffer_bytes"], 1);
    assert.equal(host.counts["proxy_increment_metric"], 5);
  });

  it("shares data between VMs and checks the version of what is replaced", () => {
    const shared = new SharedData();
    const hosts = [new Host(probe, { shared }), new Host(probe, { shared })];
    const said = hosts.map((host) => {
      host.configure("");
      host.connect().fromClient("S");
      return host.logs.slice(-3).map(({ message }) => message);
    });
    assert.deepEqual(said, [
      ["get 1", "set 0", "held v cas 0 stale 8"],
      ["get 0", "set 0", "held v cas 0 stale 8"],
    ]);
  });

  it("follows the memory when it grows", () => {
    const { host, c } = connected();
    const before = host.memoryPages;
    c.fromClient("Grow");
    assert.equal(host.memoryPages, before + 1);
    assert.equal(string(c.fromClient("Edited")), "<ited>");
  });

  it("lets no trap go unnoticed", () => {
    const { host, c } = connected();
    assert.throws(() => c.fromClient("Trap"), WebAssembly.RuntimeError);
    assert.ok(host.failed);
    assert.throws(() => host.connect(), /failed before/);
  });

  it("reads no more than there is, and the other direction's buffer as empty", () => {
    const { c, said } = connected();
    c.fromClient("Over");
    assert.deepEqual(said(), ["down 4", "over 0 0", "rest 0 3", "other 0 0"]);
  });

  it("refuses a module that imports what no proxy offers", async () => {
    const strange = await compileSource(`
      @external("env", "proxy_frobnicate") declare function frobnicate(): void;
      export function proxy_abi_version_0_2_1(): void { frobnicate(); }
      export function malloc(size: usize): usize { return heap.alloc(size); }`);
    assert.throws(() => new Host(strange), /proxy_frobnicate/);
  });
});
