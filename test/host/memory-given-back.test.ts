import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Host } from "./host.ts";
import { configuredHost, CONNECT, msg, policy, PONG, pub, stat, Wire } from "./wire.ts";

type Mode = "ENFORCE" | "DRY_RUN";

const LONG = "x".repeat(4000);
const replies = { allow_responses: { max: 1, expires: "1m" } };
const rule = { publish: { allow: ["ok.>"] }, subscribe: { allow: ["ok.>", "old.>"] }, ...replies };
/** Requests that wait for their answer belong to no connection. */
const telemetry = { requests: 0 };

/** Another policy comes, which forbids `old.>`. */
function forbid(host: Host, mode: Mode = "ENFORCE"): void {
  host.configure(policy({ mode, rule: { ...rule, subscribe: { allow: ["ok.>"] } }, telemetry }));
  host.tick();
}

/** What makes a connection hold 4,000 bytes of the budget or more. */
const HELD: [what: string, hold: (wire: Wire, mode: Mode) => void, mode?: "ENFORCE"][] = [
  ["the beginning of a line", (wire) => wire.client(`PUB ok.${LONG}`)],
  ["the beginning of a line of nats-server's", (wire) => wire.server(`MSG ok.${LONG}`)],
  ["a subscription", (wire) => wire.client(`SUB ok.${LONG} 1\r\n`)],
  ["a subscription that has ended", (wire) => wire.client(`SUB ok.${LONG} 1\r\nUNSUB 1\r\n`)],
  ["an answer that it may give", (wire) => wire.server(msg("ok.1", "1", "x", `r.${LONG}`))],
  [
    "an answer that it may give since before the policy",
    (wire, mode) => {
      wire.server(msg("ok.1", "1", "x", `r.${LONG}`));
      forbid(wire.host, mode);
    },
  ],
  ["a text for a PONG", (wire) => wire.client(pub(`no.${LONG}`)), "ENFORCE"],
  [
    "an UNSUB that is to go with its next words",
    (wire) => {
      wire.client(`SUB ok.1 ${LONG}\r\nUNSUB ${LONG} 1\r\n`);
      wire.server(msg("ok.1", LONG, "x"));
    },
    "ENFORCE",
  ],
  [
    "a text about a subscription that a newer policy forbids",
    (wire) => {
      wire.client(`SUB old.${LONG} 1\r\n`);
      forbid(wire.host);
    },
    "ENFORCE",
  ],
  [
    "a subscription that a newer policy has forbidden, behind a further CONNECT",
    (wire) => {
      wire.client(`SUB old.${LONG} 1\r\n`);
      forbid(wire.host);
      wire.client(CONNECT);
    },
    "ENFORCE",
  ],
  [
    "nats-server's second INFO",
    (wire) => {
      wire.client(pub("no.1"));
      wire.server(`${PONG}INFO {"connect_info":true,"x":"${LONG}"} \r\n`);
    },
    "ENFORCE",
  ],
];

/** Bytes that connections hold of it. */
function held(host: Host): number {
  return stat(host, "istio_nats_memory_bytes");
}

describe("what a connection holds of limits.memory", () => {
  for (const mode of ["ENFORCE", "DRY_RUN"] as const) {
    for (const [what, hold, only = mode] of HELD) {
      if (only !== mode) continue;
      const holding = (): { wire: Wire; before: number } => {
        const host = configuredHost({ mode, rule, telemetry });
        const before = held(host);
        const wire = Wire.connected(host);
        hold(wire, mode);
        const bytes = held(host) - before;
        assert.ok(bytes > LONG.length, `${bytes} bytes are held`);
        return { wire, before };
      };

      it(`in ${mode} is free again when it has closed: ${what}`, () => {
        const { wire, before } = holding();
        wire.connection.close("client");
        assert.equal(held(wire.host), before);
      });

      if (mode === "DRY_RUN") continue;
      it(`is free again when the filter has closed it, though its client does not read: ${what}`, () => {
        const { wire, before } = holding();
        wire.connection.reads = false;
        wire.server("what no nats-server says\r\n");
        wire.host.tick();
        assert.ok(wire.connection.closedByFilter);
        assert.equal(held(wire.host), before);
      });
    }
  }

  for (const [what, hold] of HELD.slice(0, 2)) {
    it(`in DRY_RUN is free again as soon as that line cannot be read: ${what}`, () => {
      const host = configuredHost({ mode: "DRY_RUN", rule, telemetry });
      const before = held(host);
      const wire = Wire.connected(host);
      hold(wire, "DRY_RUN");
      assert.ok(held(host) > before);
      if (what.includes("nats-server")) wire.server(" 1 x\r\n");
      else wire.client(" x\r\n");
      assert.equal(held(host), before);
    });
  }
});
