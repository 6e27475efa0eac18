import type { Rendering } from "../../manifests/rendering.ts";
import type { Resource } from "../../manifests/resource.ts";
import { STANDARD_INPUT } from "../../manifests/source.ts";
import { isAboutNats } from "../../policy/about-nats.ts";
import { family } from "../family.ts";

/** How to see what an object of Flux, Argo CD or K3s makes. */
type Renderer = (resource: Resource) => Rendering;

function byHelm({ name, namespace, root }: Resource): Rendering {
  const within = root.text("spec", "targetNamespace") ?? namespace;
  const set = root.members("spec", "set").length > 0 ? " --set NAME=VALUE" : "";
  return { by: `helm template ${name} CHART --namespace ${within} --values VALUES${set}`, namespace: within };
}

const RENDERERS: ReadonlyMap<string, Renderer> = new Map<string, Renderer>([
  ["helm.toolkit.fluxcd.io HelmRelease", byHelm],
  ["helm.cattle.io HelmChart", byHelm],
  [
    "kustomize.toolkit.fluxcd.io Kustomization",
    ({ name, root, place }) => ({
      by: `flux build kustomization ${name} --path ${root.text("spec", "path") ?? "."} --kustomization-file ${place.file === STANDARD_INPUT ? "FILE" : place.file} --dry-run`,
    }),
  ],
  [
    "argoproj.io Application",
    ({ name, root }) => ({
      by: `argocd app manifests ${name}`,
      namespace: root.text("spec", "destination", "namespace") ?? "NAMESPACE",
    }),
  ],
  ["argoproj.io ApplicationSet", () => ({ by: "argocd app manifests APPLICATION", namespace: "NAMESPACE" })],
]);

/** How to see what a resource makes, if it is one of these. */
export function renderedBy(resource: Resource): Rendering | undefined {
  return RENDERERS.get(`${resource.group} ${resource.kind}`)?.(resource);
}

export const rendered = family(
  "What other tools render",
  {
    "not-rendered": {
      severity: "info",
      what:
        "An object of Flux, Argo CD or K3s about NATS says what that tool renders and applies. Nothing is rendered here, so what " +
        "it makes is not judged. `check` reads the policy in its values, and says here what the tool puts over it: `helm.parameters` and " +
        "`templatePatch` of Argo CD, `set` of K3s, `targetPath` of Flux.",
      remedy: "render it, and give the result",
    },
  },
  ({ mesh }, report) => {
    for (const resource of mesh.resources) {
      const remedy = renderedBy(resource);
      if (remedy && isAboutNats(resource))
        report("not-rendered", resource.place, `what ${resource.title} makes is not judged`, { remedy });
    }
  },
);
