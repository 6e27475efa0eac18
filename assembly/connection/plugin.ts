import { limitBytes, raiseLimit, shareBytes, usedBytes } from "../bytes/budget";
import { writeQuoted } from "../nats/quote";
import { PolicyDocument, readPolicy } from "../policy/config";
import { RuleSets } from "../policy/rule-set";
import { configurationPointer, receiveConfiguration, releaseConfiguration } from "../proxy/configuration";
import { LogLevel, logText } from "../proxy/log";
import { actOn, closeDownstream } from "../proxy/stream";
import { ProtocolError } from "../telemetry/protocol-error";
import { Mode } from "../policy/rules";
import { callbackTime } from "./callback-time";
import { Client, forgetClient, rememberClient } from "./client";
import { Connection, Phase } from "./connection";
import { endAtOnce } from "./endings";
import { PluginTelemetry } from "./plugin-telemetry";
import { reportConnectionClosed } from "./report";

/** A connection that is to end is closed from the tick after this long, if nats-server has not done so. */
const ENDING_MILLISECONDS: i64 = 2000;
/**
 * Connections closed in one tick. Envoy runs each closing inside the one before (proxy-wasm-cpp-host
 * `doAfterVmCallActions`), each with the module's callbacks, on one stack of 8 MiB: 745 in one tick were fine, 4,000 ended
 * the whole process (Envoy 1.40).
 */
const MAX_CLOSINGS: i32 = 64;
/** How full the VM's budget may be before the tick sheds connections. */
const SHED_ABOVE: f64 = 0.9;

/** Versions of nats-server that one plugin warns of. */
const MAX_VERSIONS: i32 = 16;
/** 32 bytes of a version, quoted. */
const versionArea: usize = memory.data(128);

/** One configuration of the filter (a root context of the host), with the connections that it serves in this worker. */
@final
export class Plugin {
  /** Without rules, and so without a peer that may connect, until the first configuration. */
  private rules: RuleSets = new RuleSets(new PolicyDocument());
  readonly telemetry: PluginTelemetry = new PluginTelemetry();
  private readonly connections: Map<u32, Connection> = new Map();

  private readonly versionsWarnedOf: Set<string> = new Set();

  constructor(readonly id: u32) {}

  /**
   * Takes a configuration of `size` bytes, or refuses it whole and says why. After a refusal Envoy keeps the old one,
   * or closes every connection if there is none.
   */
  configure(size: i32): bool {
    const length = receiveConfiguration(size);
    const document = readPolicy(configurationPointer, length);
    releaseConfiguration();
    if (!document.faults.isEmpty) {
      logText(
        LogLevel.CRITICAL,
        `istio-nats: this configuration is refused whole, ${document.faults.count} fault(s):\n` +
          document.faults.toString(),
      );
      this.telemetry.reject(document);
      return false;
    }
    raiseLimit(<usize>document.limits.memory);
    this.rules.forgetAll();
    this.telemetry.adopt(document);
    this.rules = new RuleSets(document);
    return true;
  }

  /** A connection was opened; nothing is known of it yet. */
  open(id: u32): Connection {
    const document = this.rules.document;
    const connection = new Connection(id, document.limits, document.mode == Mode.DRY_RUN);
    this.telemetry.equip(connection);
    this.connections.set(id, connection);
    rememberClient(id, new Client(this, this.rules));
    return connection;
  }

  /** The connection is gone: its last counts go to the host, and nothing of it stays. */
  close(connection: Connection): void {
    reportConnectionClosed(connection);
    this.telemetry.close(connection);
    this.connections.delete(connection.id);
    forgetClient(connection.id);
    connection.destroy();
  }

  /** Tells operators, once for each version, that the filter has not been tested before this nats-server. */
  warnOfVersion(version: usize, length: i32): void {
    const shown = min(length, 32);
    const size = writeQuoted(version, shown, versionArea);
    const text = String.UTF8.decodeUnsafe(versionArea, <usize>size);
    if (this.versionsWarnedOf.has(text) || this.versionsWarnedOf.size >= MAX_VERSIONS) return;
    this.versionsWarnedOf.add(text);
    logText(
      LogLevel.WARN,
      `istio-nats: nats-server "${text}" is behind this filter, which is tested with 2.10 to 2.15: what it cannot read ` +
        "it refuses, but permissions may mean something else there",
    );
  }

  /** The host has dropped this configuration and all its connections. */
  destroy(): void {
    this.rules.forgetAll();
    this.telemetry.destroy();
  }

  /**
   * Gives the host what was counted, makes room when memory runs out, and closes what is to end. Answers whether some
   * are left to be closed, so that the next tick should come sooner.
   */
  tick(): bool {
    const now = callbackTime();
    const full = <f64>usedBytes() > <f64>limitBytes() * SHED_ABOVE;
    const all = this.connections.values();
    let due = 0;
    let waiting = 0;
    let largest: Connection | null = null;
    for (let i = 0; i < all.length; i++) {
      const connection = all[i];
      connection.subscriptions.tick(now);
      this.telemetry.observe(connection);
      if (connection.observing) continue;
      if (full) shedUnknown(connection);
      if (connection.endingSince != 0) waiting++;
      if (isDue(connection, now, full)) due++;
      if (connection.phase != Phase.OPEN) continue;
      if (largest == null || connection.budgetedBytes > largest.budgetedBytes) largest = connection;
    }
    // When nobody else is about to go, the one that holds most does, if it is not one of many alike.
    if (full && waiting == 0 && largest != null && largest.budgetedBytes > shareBytes() / 8) {
      endAtOnce(largest, ProtocolError.MEMORY);
      due++;
    }
    this.telemetry.tick(now);
    let left = MAX_CLOSINGS;
    for (let i = 0; i < all.length && left > 0 && due > 0; i++) {
      if (all[i].observing || !isDue(all[i], now, full)) continue;
      if (actOn(all[i].id)) closeDownstream();
      left--;
    }
    return due > MAX_CLOSINGS;
  }
}

/** Of a VM that is nearly full, connections of whose peers nothing is known go first. */
function shedUnknown(connection: Connection): void {
  if (connection.phase == Phase.NEW && connection.budgetedBytes > 0) endAtOnce(connection, ProtocolError.MEMORY);
}

/** nats-server had its time to end it, or there is none to lose. */
function isDue(connection: Connection, now: i64, full: bool): bool {
  const since = connection.endingSince;
  return since != 0 && (full || now - since >= ENDING_MILLISECONDS);
}
