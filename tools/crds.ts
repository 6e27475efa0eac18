import { readFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "./command.ts";
import { NEEDS_GO } from "./go.ts";
import { inRoot } from "./paths.ts";

/** Projects whose resources we ship or read: the Go module that holds their types or CRDs, and the folder whose go.mod pins it. */
const FOLDERS = {
  "github.com/argoproj/argo-rollouts": inRoot("tools", "go-crds"),
  "github.com/fluxcd/flagger": inRoot("tools", "go-crds"),
  "github.com/prometheus-operator/prometheus-operator": inRoot("tools", "go-crds"),
  "istio.io/api": inRoot("test", "istio"),
  "k8s.io/api": inRoot("test", "istio"),
  "k8s.io/apimachinery": inRoot("test", "istio"),
  "sigs.k8s.io/gateway-api": inRoot("test", "istio"),
} as const;

export type CrdModule = keyof typeof FOLDERS;

/** The version of a module that this go.mod requires. */
function pinned(module: CrdModule): string {
  const [, version = ""] =
    new RegExp(`^\\t${module} (v\\S+)$`, "m").exec(readFileSync(join(FOLDERS[module], "go.mod"), "utf8")) ?? [];
  return `${module}@${version}`;
}

/** A file of a module, in the version that its folder pins. The go command checks it against go.sum and keeps it in its cache. */
export async function fileOfModule(module: CrdModule, ...path: string[]): Promise<string> {
  const remedy = `${module} could not be had. ${NEEDS_GO}`;
  // The module is named with its version: without the version, go would want the module's whole graph in go.sum.
  const output = await must(remedy, "go", ["mod", "download", "-json", pinned(module)], { cwd: FOLDERS[module] });
  const { Dir: folder } = JSON.parse(output) as { Dir: string };
  return readFileSync(join(folder, ...path), "utf8");
}
