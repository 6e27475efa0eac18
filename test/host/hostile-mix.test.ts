import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { filterModule } from "./filter.ts";
import { Host, type PropertyValue } from "./host.ts";
import { freshSeed, Random } from "./random.ts";
import { CONNECT, hmsg, hpub, INFO, msg, policy, pub, VERBOSE_CONNECT, Wire } from "./wire.ts";

const RUNS = 12;
const STEPS = 400;

/** What a host with a fault would refuse. The clock is among them: it reads 0 then. */
const IMPORTS = [
  "proxy_get_buffer_bytes",
  "proxy_set_buffer_bytes",
  "proxy_get_property",
  "proxy_set_property",
  "proxy_define_metric",
  "proxy_increment_metric",
  "proxy_record_metric",
  "proxy_get_current_time_nanoseconds",
  "proxy_close_stream",
  "proxy_continue_stream",
  "proxy_set_effective_context",
  "proxy_get_shared_data",
  "proxy_set_shared_data",
  "proxy_log",
] as const;

/** Everything that a run does is chosen by one seed. */
class Mix {
  readonly host = new Host(filterModule(), { clockStep: 1000n });
  private readonly all: Wire[] = [];
  private readonly roots: number[] = [];

  /** `faulty`: the host refuses calls now and then. */
  constructor(
    private readonly random: Random,
    private readonly faulty: boolean,
  ) {
    this.configure();
    for (let i = 0; i < 5; i++) this.open();
  }

  run(): void {
    for (let i = 0; i < STEPS; i++) this.step();
    this.host.refuse();
    for (const { connection } of this.all) connection.close();
    this.host.tick();
  }

  private step(): void {
    const { host, random } = this;
    const open = this.all.filter(({ connection }) => !connection.closed);
    const what = random.below(100);
    if (what < 8 || open.length === 0) this.open();
    else if (what < 12) random.pick(open).connection.close(random.pick(["client", "server"]));
    else if (what < 20) host.tick();
    else if (what < 22) this.configure();
    else if (what < 26) host.advance(random.pick([1, 500, 11_000, 1e9, -500, -11_000, -1e9]));
    else if (what < 27) host.now = random.pick([0n, 1n, 1_700_000_000_000_000_000n, 2n ** 63n, 2n ** 64n - 1n]);
    else if (what < 31) this.refuse();
    else if (what < 33) this.storm(random.pick(open));
    else if (what < 34) random.pick(open).client("", true);
    else if (what < 68) this.send(random.pick(open), "client");
    else this.send(random.pick(open), "server");
  }

  private refuse(): void {
    const { host, random } = this;
    if (!this.faulty) return;
    if (random.below(2) === 0) host.refuse(...(random.below(2) === 0 ? [] : [random.pick(IMPORTS)]));
    else host.refuseOnce(random.pick(IMPORTS), random.below(5));
  }

  private configure(): void {
    const { random } = this;
    const rules = Array.from({ length: random.pick([0, 3, 2000]) }, (_, i) => random.pick([`a.${i}.>`, `b.*.${i}`]));
    const denies = random.below(2) === 0 ? { deny: ["ok.secret", "ok.*.x"] } : {};
    const config = policy({
      mode: random.pick(["ENFORCE", "ENFORCE", "DRY_RUN"]),
      rule: {
        publish: { allow: ["ok.>", ...rules], ...denies },
        subscribe: { allow: random.pick([["ok.>", "_INBOX.>"], ["ok.a"], [">"]]), ...denies },
        ...(random.below(2) === 0 && { allow_responses: { max: 1, expires: random.pick(["1ms", "1m"]) } }),
      },
      limits: {
        memory: 8 << 20,
        controlLine: random.pick([128, 4096, 65_536]),
        headers: random.pick([64, 1024, 65_536]),
        payload: random.pick([0, 1, 100]),
        subscriptions: random.pick([1, 10, 1 << 20]),
        outstandingReplies: random.pick([1024, 16 << 20]),
        responses: random.pick([1, 1 << 20]),
      },
      telemetry: { requests: 0, principals: random.pick([1, 100]) },
    });
    const isRefused = this.roots.length > 0 && random.below(8) === 0;
    const { accepted, root, logs } = this.host.configure(isRefused ? "{" : config);
    if (accepted) this.roots.push(root);
    // A host with a fault may not give the configuration.
    else assert.ok(isRefused || this.faulty, JSON.stringify(logs));
  }

  private open(): void {
    const { random } = this;
    const peer = random.pick<PropertyValue | null>([
      null,
      "x",
      7,
      random.bytes(random.below(40)),
      `spiffe://cluster.local/ns/n${random.below(9)}/sa/b${random.below(99)}`,
      `spiffe://cluster.local/${"x".repeat(70_000)}`,
    ]);
    const wire = new Wire(this.host, peer, random.pick(this.roots));
    wire.connection.properties.set("connection.id", random.pick<PropertyValue>([-1, true, random.bytes(3)]));
    wire.connection.reads = random.below(3) > 0;
    if (random.below(5) > 0) wire.server(INFO);
    if (random.below(5) > 0) wire.client(random.pick([CONNECT, VERBOSE_CONNECT]));
    this.all.push(wire);
  }

  /** Many subscriptions at once, long or short, of which many end at once or wait for their maximum. */
  private storm(wire: Wire): void {
    const { random } = this;
    const sids = Array.from({ length: random.pick([10, 200, 2000]) }, (_, sid) => sid);
    const subject = `ok.${"z".repeat(random.pick([1, 100, 4000]))}`;
    wire.client(sids.map((sid) => `SUB ${subject} ${sid}\r\n`).join(""));
    const max = random.pick(["", " 2"]);
    if (random.below(2) === 0) wire.client(sids.map((sid) => `UNSUB ${sid}${max}\r\n`).join(""));
  }

  /** Some operations, whole or cut off anywhere, at once or in pieces. */
  private send(wire: Wire, from: "client" | "server"): void {
    const { random } = this;
    const count = random.pick([1, 1, 3, 30]);
    const lines = Array.from({ length: count }, () => (from === "client" ? this.ofClient() : this.ofServer()));
    let text = lines.join("");
    if (random.below(3) === 0) text = text.slice(0, random.below(text.length + 1));
    const inPieces = text.length < 2000 && random.below(2) === 0;
    for (const piece of inPieces ? random.cut(text, 100) : [text]) wire[from](piece);
  }

  private ofClient(): string {
    const { random } = this;
    const payload = "p".repeat(random.pick([0, 1, 30_000]));
    return random.pick([
      `SUB ${this.subject()} ${this.sid()}\r\n`,
      `SUB ${this.subject()} q ${this.sid()}\r\n`,
      `UNSUB ${this.sid()}${random.pick(["", " 0", " 3", " 99999999999"])}\r\n`,
      pub(this.subject(), payload, random.pick(["", "_INBOX.a"])),
      hpub(this.subject(), this.headers(), payload),
      `PUB ok.a ${random.pick(["-1", "999999999", "4294967296", ""])}\r\n`,
      `HPUB ok.a ${random.pick(["5 4", "999999999 999999999", "0 0"])}\r\n`,
      "PING\r\n",
      random.pick([CONNECT, VERBOSE_CONNECT, "CONNECT {\r\n", `CONNECT {"a":${"[".repeat(3000)}\r\n`]),
      random.bytes(random.below(50)).toString("latin1"),
    ]);
  }

  private ofServer(): string {
    const { random } = this;
    const reply = random.pick(["", `r.${random.below(5000)}`, `_INBOX.${"z".repeat(random.pick([2000, 50_000]))}`]);
    return random.pick([
      "PONG\r\n".repeat(random.pick([1, 10, 500])),
      "+OK\r\n",
      "PING\r\n",
      msg(this.subject(), this.sid(), "x", reply),
      hmsg(this.subject(), this.sid(), this.headers(), "x", reply),
      INFO,
      `INFO {"version":"2.${"9".repeat(12)}.1","max_payload":${random.pick([-1, 0, 1e12])},"client_id":-5} \r\n`,
      `INFO {"a":"${"x".repeat(60_000)}`,
      `-ERR '${random.pick(["Authorization Violation", "q".repeat(5000)])}'\r\n`,
      `MSG a 1 ${random.pick(["-1", "4294967296", "999999999"])}\r\n`,
      random.bytes(random.below(40)).toString("latin1"),
    ]);
  }

  private sid(): string {
    const { random } = this;
    return random.pick([`${random.below(5)}`, `${random.below(2000)}`, "x".repeat(random.pick([8, 9, 4000, 60_000]))]);
  }

  private subject(): string {
    const { random } = this;
    const long = `ok.${"y".repeat(random.pick([10, 3000, 60_000]))}`;
    return random.pick(["ok.a", "ok.secret", "ok.>", "ok.*", "no.a", "", "ok..a", "$JS.API.X", "\u00ff\0", long]);
  }

  private headers(): string {
    const { random } = this;
    const many = "K: v\r\n".repeat(random.below(3000));
    const long = `X: ${"z".repeat(70_000)}\r\n`;
    return random.pick(["bad", "NATS/1.0 503\r\n\r\n", ...["", many, long].map((lines) => `NATS/1.0\r\n${lines}\r\n`)]);
  }
}

/** What the gauge says that connections hold. */
function held(host: Host): number {
  let bytes = 0;
  for (const [name, value] of host.metrics) if (name.endsWith(";.;istio_nats_memory_bytes")) bytes += value;
  return bytes;
}

describe("whatever clients, servers, clocks and policies do together", () => {
  for (const faulty of [false, true]) {
    it(
      faulty ? "nothing ends the VM of a host that refuses calls" : "nothing ends the VM, and all memory is given back",
      (t) => {
        const seed = freshSeed();
        t.diagnostic(`TEST_SEED=${seed}`);
        for (let run = 0; run < RUNS; run++) {
          const mix = new Mix(new Random((seed + run) >>> 0), faulty);
          // A trap is thrown.
          mix.run();
          // A gauge whose changes were refused tells nothing.
          if (!faulty) assert.equal(held(mix.host), 0, `run ${run}`);
        }
      },
    );
  }
});
