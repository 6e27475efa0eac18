/** The two commands, which read what other tools write to standard output. */
export type CommandName = "doctor" | "check";

/** A command of another tool whose output is Kubernetes' objects, to be given instead. */
export interface Rendering {
  by: string;
  /** The namespace of what it writes without one. */
  namespace?: string;
}

/** What to do, or what to render first. */
export type Remedy = string | Rendering;

/** In the words of the command that was asked. */
export function remedyText(remedy: Remedy, command: CommandName): string {
  if (typeof remedy === "string") return remedy;
  const option = remedy.namespace === undefined ? "" : `-n ${remedy.namespace} `;
  return `${remedy.by} | istio-nats ${command} ${option}-`;
}
