import type { Host } from "./host.ts";

/**
 * Gives a host a policy, which must be valid. Returns its root. Several at a time need plugins of different names, because those of one
 * name all follow the newest policy.
 */
export function configure(host: Host, config: string | object, plugin?: string): number {
  const { accepted, logs, root } = host.configure(config, plugin);
  if (!accepted) throw new Error(`the policy is refused: ${JSON.stringify(logs)}`);
  return root;
}
