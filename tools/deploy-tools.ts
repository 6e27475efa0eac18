import { join } from "node:path";
import { must } from "./command.ts";
import { buildGo, goCommands } from "./go.ts";
import { inRoot } from "./paths.ts";

/** The commands that render manifests and talk to registries. */
export interface DeployTools {
  helm: string;
  kustomize: string;
  /** go-containerregistry's client, which also serves a registry for tests. */
  crane: string;
}

let built: Promise<DeployTools> | undefined;

async function build(): Promise<DeployTools> {
  const folder = await goCommands({
    commands: "helm, kustomize and crane",
    about: "from their Go modules (about three minutes)",
    name: "go-deploy",
    module: inRoot("tools", "go-deploy"),
  });
  return { helm: join(folder, "helm"), kustomize: join(folder, "kustomize"), crane: join(folder, "crane") };
}

/** helm, kustomize and crane in the versions that tools/go-deploy/go.mod pins, built once per machine. */
export function deployTools(): Promise<DeployTools> {
  built ??= build();
  return built;
}

/** Our command that makes the image: build/go/oci-image. */
export function ociImageCommand(): Promise<string> {
  return buildGo("tools/go-deploy/oci-image");
}

/** The YAML of a kustomization. `folder` is relative to the clone. */
export async function kustomized(folder: string): Promise<string> {
  const { kustomize } = await deployTools();
  return must(`${folder} is not a kustomization that can be built.`, kustomize, ["build", inRoot(folder)]);
}
