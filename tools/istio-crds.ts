import { writeFileSync } from "node:fs";
import { format, resolveConfig } from "prettier";
import { parseAllDocuments } from "yaml";
import type { IstioKind, Shape } from "../cli/mesh/istio-api.ts";
import { fileOfModule } from "./crds.ts";
import { Fault } from "./fault.ts";
import { inRoot } from "./paths.ts";

/** What doctor knows of the fields of Istio's objects. */
export const ISTIO_CRDS = inRoot("cli", "mesh", "istio-crds.gen.json");

/** The kinds that doctor reads. */
const READ = [
  ...["WasmPlugin", "TrafficExtension"].map((kind) => ({ group: "extensions.istio.io", kind })),
  ...["PeerAuthentication", "AuthorizationPolicy"].map((kind) => ({ group: "security.istio.io", kind })),
  ...["DestinationRule", "ServiceEntry", "Gateway", "Sidecar", "VirtualService", "ProxyConfig"].map((kind) => ({
    group: "networking.istio.io",
    kind,
  })),
];

interface Schema {
  type: Shape["type"];
  enum?: string[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema;
  items?: Schema;
}

interface Crd {
  spec: {
    group: string;
    names: { kind: string };
    versions: { name: string; schema: { openAPIV3Schema: { properties: { spec: Schema } } } }[];
  };
}

function shapeOf({ type, enum: words, properties, additionalProperties, items }: Schema): Shape {
  const fields = properties && Object.entries(properties).map(([key, schema]) => [key, shapeOf(schema)] as const);
  return {
    type,
    ...(words && { words }),
    ...(fields && { fields: Object.fromEntries(fields) }),
    ...(additionalProperties && { values: shapeOf(additionalProperties) }),
    ...(items && { items: shapeOf(items) }),
  } as Shape;
}

/** Kubernetes' own order of versions: `v1` before `v1beta1` before `v1alpha3`. */
function byStability(a: string, b: string): number {
  const rank = (version: string): number => (version.includes("alpha") ? 2 : version.includes("beta") ? 1 : 0);
  return rank(a) - rank(b) || b.localeCompare(a);
}

function kindOf({ group, kind }: (typeof READ)[number], crds: readonly Crd["spec"][]): IstioKind {
  const crd = crds.find((candidate) => candidate.group === group && candidate.names.kind === kind);
  const specs = crd?.versions.map(({ schema }) => shapeOf(schema.openAPIV3Schema.properties.spec)) ?? [];
  const [spec] = specs;
  if (!crd || !spec) throw new Fault(`Istio's CRDs have no ${kind} of ${group} any more: see cli/mesh/istio-api.ts.`);
  if (specs.some((other) => JSON.stringify(other) !== JSON.stringify(spec)))
    throw new Fault(`The versions of ${kind} have different fields: cli/mesh/istio-api.ts has one table for all.`);
  return { group, kind, versions: crd.versions.map(({ name }) => name).sort(byStability), spec };
}

/** The content that the generated file must have. */
export async function istioCrdsText(): Promise<string> {
  const text = await fileOfModule("istio.io/api", "kubernetes", "customresourcedefinitions.gen.yaml");
  const crds = parseAllDocuments(text).map((document) => (document.toJS() as Crd).spec);
  const kinds = READ.map((read) => kindOf(read, crds));
  return format(JSON.stringify(kinds), { ...(await resolveConfig(ISTIO_CRDS)), parser: "json" });
}

/** `npm run generate:istio`: makes the file from the CRDs of the version that test/istio/go.mod pins. */
export async function writeIstioCrds(): Promise<number> {
  writeFileSync(ISTIO_CRDS, await istioCrdsText());
  return 0;
}
