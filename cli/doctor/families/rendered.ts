import type { Resource } from "../../manifests/resource.ts";
import { STANDARD_INPUT } from "../../manifests/source.ts";
import { family } from "../family.ts";

/** How to see what an object of Flux, Argo CD or K3s makes: a command whose output is Kubernetes' objects. */
type Command = (resource: Resource) => string;

function rendering({ name, namespace, root }: Resource): string {
  const within = root.text("spec", "targetNamespace") ?? namespace;
  return `helm template ${name} CHART --namespace ${within} --values VALUES | istio-nats doctor -n ${within} -`;
}

const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["helm.toolkit.fluxcd.io HelmRelease", rendering],
  ["helm.cattle.io HelmChart", rendering],
  [
    "kustomize.toolkit.fluxcd.io Kustomization",
    ({ name, root, place }) =>
      `flux build kustomization ${name} --path ${root.text("spec", "path") ?? "."} --kustomization-file ${place.file === STANDARD_INPUT ? "FILE" : place.file} --dry-run | istio-nats doctor -`,
  ],
  [
    "argoproj.io Application",
    ({ name, root }) =>
      `argocd app manifests ${name} | istio-nats doctor -n ${root.text("spec", "destination", "namespace") ?? "NAMESPACE"} -`,
  ],
  ["argoproj.io ApplicationSet", () => "argocd app manifests APPLICATION | istio-nats doctor -n NAMESPACE -"],
]);

/** The command that shows what a resource makes, if it is one of these. */
export function renderedBy(resource: Resource): string | undefined {
  return COMMANDS.get(`${resource.group} ${resource.kind}`)?.(resource);
}

/** A folder may have hundreds of them for other applications. */
function isOfNats({ root }: Resource): boolean {
  return /nats/i.test(JSON.stringify([root.get("metadata", "name")?.plain(), root.get("spec")?.plain()]));
}

export const rendered = family(
  "What other tools render",
  {
    "not-rendered": {
      severity: "info",
      what:
        "An object of Flux, Argo CD or K3s about NATS says what that tool renders and applies. Nothing is rendered here, so what " +
        "it makes is not judged.",
      remedy: "render it, and give the result",
    },
  },
  ({ mesh }, report) => {
    for (const resource of mesh.resources) {
      const command = renderedBy(resource);
      if (command !== undefined && isOfNats(resource))
        report("not-rendered", resource.place, `what ${resource.title} makes is not judged`, command);
    }
  },
);
