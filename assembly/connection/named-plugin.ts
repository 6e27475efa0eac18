import { Meters, NamedPrincipals } from "../telemetry/meters";
import { Standpoint } from "../telemetry/standpoint";

/** What a VM keeps of the plugin of one name through all its configurations. */
@final
export class NamedPlugin {
  /** The fingerprint that it had in force last; 0 before the first one, which counts as no change. */
  inForce: u64 = 0;
  /** The newest publication with whose text the host has configured this VM; 0 before any. */
  reached: u64 = 0;
  private readonly principals: NamedPrincipals = new NamedPrincipals();
  /** Those of each standpoint that a configuration had. */
  private readonly meters: Meters[] = [];

  constructor(readonly name: string) {}

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

const all: NamedPlugin[] = [];

/** The plugin of that name, the same one each time. */
export function pluginNamed(name: string): NamedPlugin {
  for (let i = 0; i < all.length; i++) {
    if (all[i].name == name) return all[i];
  }
  const plugin = new NamedPlugin(name);
  all.push(plugin);
  return plugin;
}
