import { isDeepStrictEqual } from "node:util";
import { placeText } from "../../manifests/place.ts";
import type { ReadProblem } from "../../manifests/manifests.ts";
import type { Resource } from "../../manifests/resource.ts";
import type { Mesh } from "../../mesh/mesh.ts";
import { family } from "../family.ts";

const IDS = {
  syntax: "yaml-syntax",
  "too-large": "file-too-large",
  aliases: "yaml-aliases",
  "helm-template": "helm-template",
  kustomization: "kustomization",
  "object-incomplete": "object-incomplete",
  "no-object": "no-object",
  "no-policy": "no-policy",
  "values-key": "values-key-unknown",
} as const satisfies Record<ReadProblem["kind"], string>;

/** The objects of nats-server and the filter that are judged. A folder may hold any number of variants of other objects. */
function judgedObjects(mesh: Mesh): Resource[] {
  return [
    ...mesh.brokerServices.map(({ resource }) => resource),
    ...mesh.brokers.map(({ resource }) => resource),
    ...mesh.plugins.map(({ resource }) => resource),
    ...mesh.of("PeerAuthentication", "security.istio.io"),
    ...mesh.of("AuthorizationPolicy", "security.istio.io"),
  ];
}

/** What an object says. Of its metadata only what Istio reads, since the cluster and its tools write there too. */
function contentOf({ root, labels, annotations }: Resource): unknown {
  const ofIstio = (texts: ReadonlyMap<string, string>): unknown =>
    Object.fromEntries([...texts].filter(([key]) => key.includes("istio.io/")));
  const content = root.members().filter(([key]) => !["metadata", "status"].includes(key));
  return [content.map(([key, value]) => [key, value.plain()]), ofIstio(labels), ofIstio(annotations)];
}

interface Repeated {
  first: Resource;
  second: Resource;
}

/** Objects with the same name and different contents. */
function repeated(mesh: Mesh): Repeated[] {
  const seen = new Map<string, Resource>();
  return judgedObjects(mesh).flatMap((second) => {
    const { group, kind, namespace, name } = second;
    const key = JSON.stringify([group, kind, namespace, name]);
    const first = seen.get(key);
    if (first === undefined) seen.set(key, second);
    return first === undefined || isDeepStrictEqual(contentOf(first), contentOf(second)) ? [] : [{ first, second }];
  });
}

export const files = family(
  "Reading the files",
  {
    "yaml-syntax": {
      severity: "error",
      what:
        "The text is not YAML, repeats a key, or means something else to kubectl than to a reader: a line break that no editor " +
        "shows, an alias as a key, text after `...`. The document with the fault is not judged, but the others are. A file with " +
        "a strange line break, or with bytes that are not text, is not judged at all.",
      remedy: "correct the text here",
    },
    "file-too-large": {
      severity: "error",
      what: "The file is larger than 16 MiB and was not read.",
      remedy: "give only the manifests that concern NATS and Istio",
    },
    "yaml-aliases": {
      severity: "error",
      what:
        "An alias in the document cannot be expanded: its anchor is missing, the alias is inside its own anchor, nested aliases " +
        "multiply beyond the limit, or it is merged but is not a map. The document is not judged.",
      remedy: "write the value out instead of the alias",
    },
    "helm-template": {
      severity: "info",
      what: "A template of a Helm chart is not YAML until Helm has rendered it. It is not judged, which is said once for a chart.",
      remedy: { by: "helm template RELEASE CHART" },
    },
    kustomization: {
      severity: "info",
      what:
        "A kustomization says what kustomize combines and patches. It is not built here; only the manifests that are given are " +
        "judged. A patch is none: not a document with `$patch` or another of kustomize's own keys, nor a file that a kustomization " +
        "among those given names as one, nor a document that only takes labels out of a selector (`app: null`), unless, for `check`, it has a whole policy.",
      remedy: { by: "kubectl kustomize FOLDER" },
    },
    "object-incomplete": {
      severity: "error",
      what:
        "A document has `metadata`, but lacks `apiVersion` or `kind`; or, given to `check`, it has a policy below `spec` or " +
        "`pluginConfig` and lacks both. It is no Kubernetes object, and no policy by itself. `check` judges the policy that is in it.",
      remedy: "write both apiVersion and kind",
    },
    "no-object": {
      severity: "warning",
      what:
        "A file that was named on the command line has no Kubernetes object, so nothing in it was judged. If no other file has " +
        "one, the exit status is 2.",
      remedy:
        "give the manifest as kubectl takes it, of a chart what helm template writes; for a policy by itself: istio-nats check FILE",
    },
    "no-policy": {
      severity: "warning",
      what:
        "A file that was named to `check`, or a document in one, has no policy, so nothing in it was judged. If no file has one, " +
        "the exit status is 2.",
      remedy: "give a WasmPlugin, a TrafficExtension, a pluginConfig by itself, or chart values",
    },
    "values-key-unknown": {
      severity: "error",
      what:
        "The chart values given to `check` have a key that is nearly one of the chart's. The chart has a schema, so Helm " +
        "refuses the values.",
      remedy: "write the key as in deploy/chart/values.yaml",
    },
    "object-twice": {
      severity: "warning",
      what:
        "Two objects have the same kind, namespace and name but different contents. Kubernetes keeps the one that is applied " +
        "last, and Helm refuses an object that another release owns. Here both are judged.",
      remedy:
        "keep one; where NATS's own chart makes the Service, give the istio-nats chart the values from docs/how-to/install.md " +
        "(broker.service.create: false)",
    },
    "cluster-not-asked": {
      severity: "warning",
      what:
        "nats-server's objects come from a cluster, and none of Istio's come with them, or no Services. `kubectl get all` gives pods, " +
        "what makes them, and Services, and nothing else. That a plugin, a PeerAuthentication or an " +
        "AuthorizationPolicy is missing is then not reported. Where ConfigMaps and Namespaces came too, all is taken to have been asked for.",
      remedy: { by: "kubectl get all,istio-io,configmaps,namespaces,networkpolicies --all-namespaces -o yaml" },
    },
  },
  ({ mesh, manifests }, report) => {
    for (const { kind, place, message, remedy } of manifests.problems) report(IDS[kind], place, message, { remedy });
    for (const { first, second } of repeated(mesh))
      report("object-twice", second.place, `${second.title} has different contents in ${placeText(first.place)}`, {
        remedy:
          second.kind === "Service"
            ? undefined
            : "keep one; render kustomizations before you give them, and give the files of each cluster in a run of its own",
        compared: [first, second],
      });
    const { unasked } = mesh;
    if (unasked) {
      const { first, kinds } = unasked;
      const message = `${first.title} comes from a cluster, and with it no ${kinds.join(", no ")}: what is in these, or is missing there, was not judged`;
      report("cluster-not-asked", first.place, message);
    }
  },
);
