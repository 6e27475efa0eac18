import { FixedText, fixedText } from "../bytes/fixed-text";
import { PolicyDocument } from "../policy/document";
import { textProperty } from "../proxy/properties";
import { Audit } from "../telemetry/audit";
import { FilterStats } from "../telemetry/filter-stats";
import { Meters, NamedPrincipals } from "../telemetry/meters";
import { Sampler } from "../telemetry/sampler";
import { Standpoint } from "../telemetry/standpoint";
import { RequestTable } from "./open-requests";
import { PublishedPolicy } from "./published-policy";

const PLUGIN_NAME: FixedText = fixedText("plugin_name");
const ROOT_ID: FixedText = fixedText("plugin_root_id");

/**
 * What a VM keeps of the plugin of one name through all its configurations. Each of those has a root context, which the host keeps
 * as long as a connection of its time is open: whatever is bounded for a worker must not be had by each of them.
 */
@final
export class Plugin {
  readonly published: PublishedPolicy;
  /** The fingerprint that it had in force last; 0 before the first one, which counts as no change. */
  inForce: u64 = 0;
  /** The newest publication with whose text the host has configured this VM; 0 before any. */
  reached: u64 = 0;
  /** The fingerprint of what is to come into force and cannot be read by this module, once that has been told; 0: nothing. */
  unreadable: u64 = 0;
  /** Untested versions of nats-server that it has warned of. */
  readonly versionsWarnedOf: string[] = [];
  readonly audit: Audit = new Audit();
  readonly sampler: Sampler = new Sampler();
  readonly requests: RequestTable = new RequestTable(true);
  readonly services: RequestTable = new RequestTable(false);
  /** `telemetry.requestTimeout` in nanoseconds. */
  private requestTimeout: i64 = 0;
  private readonly principals: NamedPrincipals = new NamedPrincipals();
  /** Those of each standpoint that a configuration had. */
  private readonly meters: Meters[] = [];
  /** Root contexts that have it, but for those whose configuration was refused: these never tick, and the host may keep them. */
  private holders: i32 = 0;

  constructor(readonly name: string) {
    this.published = new PublishedPolicy(name);
  }

  /** A root context has it from now on, until it calls `release`. */
  hold(): void {
    this.holders++;
  }

  /**
   * Undoes one `hold`. With the last one all connections are gone: `stats` are told what the audit has left out, and the tables of
   * requests are given back.
   */
  release(stats: FilterStats): void {
    if (--this.holders > 0) return;
    this.audit.finish(stats);
    this.requests.clear();
    this.services.clear();
  }

  /** The settings of this configuration count from now on. */
  adopt(document: PolicyDocument): void {
    const telemetry = document.telemetry;
    this.requests.bound = telemetry.requests;
    this.services.bound = telemetry.requests;
    this.requestTimeout = telemetry.requestTimeout * 1_000_000;
    this.audit.setRate(document.audit.refusalsPerSecond, document.audit.burst);
    this.sampler.setEvery(document.audit.sample);
  }

  /** Gives up what has waited too long for its answer. `now` is in milliseconds. */
  expireRequests(now: i64): void {
    this.requests.expire(now * 1_000_000, this.requestTimeout);
    this.services.expire(now * 1_000_000, this.requestTimeout);
  }

  /** Its meters at a standpoint, the same ones each time. */
  metersAt(standpoint: Standpoint): Meters {
    for (let i = 0; i < this.meters.length; i++) {
      if (this.meters[i].standpoint.isThatOf(standpoint)) return this.meters[i];
    }
    const meters = new Meters(standpoint, this.principals);
    this.meters.push(meters);
    return meters;
  }
}

const all: Plugin[] = [];

/** The plugin that the host's root context at hand belongs to, the same one for each of that name. */
export function pluginAtHand(): Plugin {
  const name = textProperty(PLUGIN_NAME) + "/" + textProperty(ROOT_ID);
  for (let i = 0; i < all.length; i++) {
    if (all[i].name == name) return all[i];
  }
  const plugin = new Plugin(name);
  all.push(plugin);
  return plugin;
}
