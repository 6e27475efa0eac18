import { isDeepStrictEqual } from "node:util";
import { placeText } from "../../manifests/place.ts";
import type { ReadProblem } from "../../manifests/read.ts";
import type { Resource } from "../../manifests/resource.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import { family } from "../family.ts";

const IDS = {
  syntax: "yaml-syntax",
  "too-large": "file-too-large",
  aliases: "yaml-aliases",
  "helm-template": "helm-template",
  kustomization: "kustomization",
  "no-object": "no-object",
  "no-policy": "no-policy",
  "values-key": "values-key-unknown",
} as const satisfies Record<ReadProblem["kind"], string>;

/** What is judged of nats-server and the filter: of other objects a folder may hold as many variants as it likes. */
function judgedObjects(mesh: Mesh): Resource[] {
  return [
    ...mesh.services.filter((service) => mesh.isBrokerService(service)).map(({ resource }) => resource),
    ...mesh.brokers.map(({ resource }) => resource),
    ...mesh.plugins.map(({ resource }) => resource),
    ...mesh.of("PeerAuthentication", "security.istio.io"),
    ...mesh.of("AuthorizationPolicy", "security.istio.io"),
  ];
}

/** What an object says; its metadata are the cluster's too. */
function contentOf({ root }: Resource): unknown {
  return root.members().flatMap(([key, value]) => (["metadata", "status"].includes(key) ? [] : [[key, value.plain()]]));
}

interface Repeated {
  first: Resource;
  second: Resource;
}

/** Objects of one name that say different things. */
function repeated(mesh: Mesh): Repeated[] {
  const seen = new Map<string, Resource>();
  return judgedObjects(mesh).flatMap((second) => {
    const first = seen.get(`${second.group} ${second.title}`);
    if (first === undefined) seen.set(`${second.group} ${second.title}`, second);
    return first === undefined || isDeepStrictEqual(contentOf(first), contentOf(second)) ? [] : [{ first, second }];
  });
}

export const files = family(
  "Reading the files",
  {
    "yaml-syntax": {
      severity: "error",
      what:
        "The text is not YAML, says something twice, or means something else to kubectl than to a reader: a line break that no editor shows, " +
        "an alias as a key, what stands behind `...`. The document with the fault is not judged, the others are; of a file with a " +
        "strange line break, or with bytes that are no text, nothing is.",
      remedy: "correct the text at this place",
    },
    "file-too-large": {
      severity: "error",
      what: "The file is larger than 16 MiB and was not read.",
      remedy: "give the manifests that concern NATS and Istio only",
    },
    "yaml-aliases": {
      severity: "error",
      what: "An alias of the document cannot be written out: it has no anchor, stands within its own, aliases of aliases multiply beyond measure, or it is merged and is no map. The document is not judged.",
      remedy: "write the value out",
    },
    "helm-template": {
      severity: "info",
      what: "A template of a Helm chart is no YAML before Helm has rendered it. It is not judged.",
      remedy: "helm template RELEASE CHART | istio-nats doctor -",
    },
    kustomization: {
      severity: "info",
      what: "A kustomization says what kustomize puts together and patches. Nothing of that is judged, only the manifests that are given.",
      remedy: "kubectl kustomize FOLDER | istio-nats doctor -",
    },
    "no-object": {
      severity: "warning",
      what: "A file that was named holds no object of Kubernetes, so nothing in it was judged. Where that is all there is, the exit status is 2.",
      remedy: "give the manifest as kubectl takes it; for a policy by itself: istio-nats check FILE",
    },
    "no-policy": {
      severity: "warning",
      what: "A file that was named to `check` holds no policy, so nothing in it was judged. Where that is all there is, the exit status is 2.",
      remedy: "give a WasmPlugin, a TrafficExtension, a pluginConfig by itself, or values of the chart",
    },
    "values-key-unknown": {
      severity: "error",
      what:
        "The values given to `check` have a key that is nearly one of the chart's. Helm refuses them, because the chart has a schema; what " +
        "stands under the key is not used.",
      remedy: "write the key as deploy/chart/values.yaml has it",
    },
    "object-twice": {
      severity: "warning",
      what:
        "Two objects have one kind, namespace and name, and are not alike. Kubernetes keeps the one that is applied last, and Helm refuses " +
        "what another release has made; here both are judged.",
      remedy:
        "keep one; where NATS's own chart makes the Service, give istio-nats's the values of docs/install.md (broker.service.create: false)",
    },
  },
  ({ mesh, manifests }, report) => {
    for (const { kind, place, message, remedy } of manifests.problems) report(IDS[kind], place, message, remedy);
    for (const { first, second } of repeated(mesh))
      report("object-twice", second.place, `${second.title} is another one in ${placeText(first.place)}`, {
        remedy: second.kind === "Service" ? undefined : "keep one; render a kustomization before it is judged",
        compared: [first, second],
      });
  },
);
