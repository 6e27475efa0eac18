import { readFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "./command.ts";
import { inRoot } from "./paths.ts";

/** Projects whose custom resources we ship, by the Go module that holds their CRDs. */
export type CrdModule =
  | "github.com/argoproj/argo-rollouts"
  | "github.com/fluxcd/flagger"
  | "github.com/prometheus-operator/prometheus-operator";

const MODULES = inRoot("tools", "go-crds");

/** The version of a module that tools/go-crds/go.mod requires. */
function pinned(module: CrdModule): string {
  const [, version = ""] =
    new RegExp(`^\\t${module} (v\\S+)$`, "m").exec(readFileSync(join(MODULES, "go.mod"), "utf8")) ?? [];
  return `${module}@${version}`;
}

/** A file of a module in the version that tools/go-crds pins, held against go.sum by the go command, which keeps it in its cache. */
export async function fileOfModule(module: CrdModule, ...path: string[]): Promise<string> {
  const remedy = `${module} could not be had. Is Go 1.26 here, and a Go module proxy reachable?`;
  // By `module@version`: without the version go would want the module's whole graph in go.sum.
  const output = await must(remedy, "go", ["mod", "download", "-json", pinned(module)], { cwd: MODULES });
  const { Dir: folder } = JSON.parse(output) as { Dir: string };
  return readFileSync(join(folder, ...path), "utf8");
}
