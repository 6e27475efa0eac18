import { NamedPrincipals } from "../telemetry/meters";

/** What a VM keeps of the plugin of one name through all its configurations. */
@final
export class NamedPlugin {
  /** The fingerprint that it had in force last; 0 before the first one, which counts as no change. */
  inForce: u64 = 0;
  /** The newest publication with whose text the host has configured this VM; 0 before any. */
  reached: u64 = 0;
  /** Those of its principals that have series of their own. */
  readonly principals: NamedPrincipals = new NamedPrincipals();

  constructor(readonly name: string) {}
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
