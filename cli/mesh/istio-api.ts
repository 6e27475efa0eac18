/** What a value of an Istio object may be. An object with neither `fields` nor `values` is not judged further. */
export type Shape =
  | { readonly type: "string"; readonly words?: readonly string[] }
  | { readonly type: "integer" }
  | { readonly type: "array"; readonly items: Shape }
  | { readonly type: "object"; readonly fields?: Readonly<Record<string, Shape>>; readonly values?: Shape };

export interface ApiKind {
  /** "" for Kubernetes' core. */
  group: string;
  /** The first is the one that a manifest should use. */
  versions: readonly string[];
  kind: string;
}

export interface IstioKind extends ApiKind {
  /** The shape of `spec`; undefined if doctor reads the object without judging its fields. */
  spec?: Shape;
}

const TEXT: Shape = { type: "string" };

const TEXTS: Shape = { type: "array", items: TEXT };

function oneOf(...words: string[]): Shape {
  return { type: "string", words };
}

function object(fields: Readonly<Record<string, Shape>>): Shape {
  return { type: "object", fields };
}

function listOf(fields: Readonly<Record<string, Shape>>): Shape {
  return { type: "array", items: object(fields) };
}

const SELECTOR = object({ matchLabels: { type: "object", values: TEXT } });

const TARGET = { group: TEXT, kind: TEXT, name: TEXT, namespace: TEXT };

const WASM = {
  url: TEXT,
  sha256: TEXT,
  imagePullPolicy: oneOf("UNSPECIFIED_POLICY", "IfNotPresent", "Always"),
  imagePullSecret: TEXT,
  verificationKey: TEXT,
  pluginConfig: { type: "object" },
  pluginName: TEXT,
  failStrategy: oneOf("FAIL_CLOSE", "FAIL_OPEN", "FAIL_RELOAD"),
  type: oneOf("UNSPECIFIED_PLUGIN_TYPE", "HTTP", "NETWORK"),
  vmConfig: object({ env: listOf({ name: TEXT, value: TEXT, valueFrom: oneOf("INLINE", "HOST") }) }),
} as const satisfies Record<string, Shape>;

const ATTACHMENT = {
  selector: SELECTOR,
  targetRefs: listOf(TARGET),
  priority: { type: "integer" },
  match: listOf({
    mode: oneOf("UNDEFINED", "CLIENT", "SERVER", "CLIENT_AND_SERVER"),
    ports: listOf({ number: { type: "integer" } }),
  }),
} as const satisfies Record<string, Shape>;

/** `principals` and `notPrincipals`. */
function withNot(...names: string[]): Shape {
  const not = (name: string): string => `not${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  return object(Object.fromEntries(names.flatMap((name) => [[name, TEXTS] as const, [not(name), TEXTS] as const])));
}

const AUTHORIZATION = object({
  selector: SELECTOR,
  targetRef: object(TARGET),
  targetRefs: listOf(TARGET),
  action: oneOf("ALLOW", "DENY", "AUDIT", "CUSTOM"),
  provider: object({ name: TEXT }),
  rules: listOf({
    from: listOf({
      source: withNot(
        "principals",
        "requestPrincipals",
        "namespaces",
        "serviceAccounts",
        "trustDomains",
        "ipBlocks",
        "remoteIpBlocks",
      ),
    }),
    to: listOf({ operation: withNot("hosts", "ports", "methods", "paths") }),
    when: listOf({ key: TEXT, values: TEXTS, notValues: TEXTS }),
  }),
});

const MTLS = object({ mode: oneOf("UNSET", "DISABLE", "PERMISSIVE", "STRICT") });

/** What every object of Kubernetes has beside `spec` (k8s.io/apimachinery, `ObjectMeta`). */
export const OBJECT: Readonly<Record<string, Shape>> = {
  apiVersion: TEXT,
  kind: TEXT,
  metadata: object({
    ...Object.fromEntries(
      [
        "name",
        "generateName",
        "namespace",
        "selfLink",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
      ].map((name) => [name, TEXT]),
    ),
    generation: { type: "integer" },
    deletionGracePeriodSeconds: { type: "integer" },
    labels: { type: "object", values: TEXT },
    annotations: { type: "object", values: TEXT },
    ownerReferences: { type: "array", items: { type: "object" } },
    finalizers: TEXTS,
    managedFields: { type: "array", items: { type: "object" } },
  }),
  status: { type: "object" },
};

/** The Istio kinds that doctor reads, as in Istio's CRDs; test/cli/istio-api.test.ts compares the two. */
export const ISTIO_KINDS: readonly IstioKind[] = [
  {
    group: "extensions.istio.io",
    versions: ["v1alpha1"],
    kind: "WasmPlugin",
    spec: object({
      ...ATTACHMENT,
      phase: oneOf("UNSPECIFIED_PHASE", "AUTHN", "AUTHZ", "STATS"),
      targetRef: object(TARGET),
      ...WASM,
    }),
  },
  {
    group: "extensions.istio.io",
    versions: ["v1alpha1"],
    kind: "TrafficExtension",
    spec: object({
      ...ATTACHMENT,
      phase: oneOf("UNSPECIFIED", "AUTHN", "AUTHZ", "STATS"),
      wasm: object(WASM),
      lua: object({ inlineCode: TEXT }),
    }),
  },
  {
    group: "security.istio.io",
    versions: ["v1", "v1beta1"],
    kind: "PeerAuthentication",
    spec: object({ selector: SELECTOR, mtls: MTLS, portLevelMtls: { type: "object", values: MTLS } }),
  },
  { group: "security.istio.io", versions: ["v1", "v1beta1"], kind: "AuthorizationPolicy", spec: AUTHORIZATION },
  { group: "networking.istio.io", versions: ["v1", "v1beta1", "v1alpha3"], kind: "DestinationRule" },
  { group: "networking.istio.io", versions: ["v1", "v1beta1", "v1alpha3"], kind: "ServiceEntry" },
  { group: "networking.istio.io", versions: ["v1", "v1beta1", "v1alpha3"], kind: "Gateway" },
  { group: "networking.istio.io", versions: ["v1", "v1beta1", "v1alpha3"], kind: "Sidecar" },
  { group: "networking.istio.io", versions: ["v1", "v1beta1", "v1alpha3"], kind: "VirtualService" },
];
