import { join } from "node:path";
import { goCommands } from "./go.ts";
import { namedCommand } from "./named-command.ts";
import { inRoot } from "./paths.ts";

/** prometheus and promtool in the versions that tools/go-prometheus/go.mod pins, built once per machine. */
function builtTools(): Promise<string> {
  return goCommands({
    commands: "prometheus and promtool",
    about: "from their Go module (two to five minutes)",
    name: "prometheus",
    module: inRoot("tools", "go-prometheus"),
    // Without the clouds' service discoveries, which are most of Prometheus. A test names its targets itself.
    options: ["-tags", "remove_all_sd"],
  });
}

/**
 * The command that `$variable` names if set, else the pinned one. PATH is not used: an older promtool lacks some rules and
 * functions.
 */
async function find(variable: string, command: string): Promise<string> {
  return (await namedCommand(variable, command)) ?? join(await builtTools(), command);
}

/** The prometheus server to use: $PROMETHEUS if set, else the pinned one. */
export function findPrometheus(): Promise<string> {
  return find("PROMETHEUS", "prometheus");
}

/** The promtool to use: $PROMTOOL if set, else the pinned one. */
export function findPromtool(): Promise<string> {
  return find("PROMTOOL", "promtool");
}
