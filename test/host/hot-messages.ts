import { pluginConfig } from "../../bench/policy.ts";
import { hmsg, hpub, msg, PING, pub } from "./wire.ts";

/** What the tests send that count allocations and host calls under the bench's policy. */

export const HEADERS = "NATS/1.0\r\nA: b\r\n\r\n";
/** Twenty rules and six classes of subjects: the policy that the bench times. */
export const FULL = pluginConfig;
/** Operations of each class that is published to, two operations of no class, and a PING. */
export const FULL_OPERATIONS = [
  pub("orders.e000.created", "x"),
  pub("orders.e000.changed", "x"),
  pub("work.orders.europe0", "x"),
  hpub("payments.p1.charge", HEADERS, "x"),
  pub("$JS.API.INFO", "", "_INBOX.a.1"),
  pub("metrics.shop.cpu.load", "1"),
  pub("health.api.beat"),
  PING,
];
/** Deliveries to SUBSCRIBE that a deny has to be checked for. */
export const SUBSCRIBE = "SUB orders.> 1\r\nSUB _INBOX.a.* 2\r\nSUB work.orders.* workers 3\r\n";
export const FULL_DELIVERIES = [
  msg("orders.e000.created", "1", "x"),
  msg("orders.e001.changed", "1", "x", "_INBOX.b.1"),
  msg("_INBOX.a.1", "2", "{}"),
  msg("work.orders.europe0", "3", "x"),
  hmsg("orders.e002.created", "1", HEADERS, "x"),
  hmsg("orders.e002.changed", "1", HEADERS, "x", "_INBOX.b.2"),
];
