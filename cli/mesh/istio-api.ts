/** What an object of Istio may hold: by field its own fields, those of a list's elements, or `ANY` where nothing is judged. */
export type Fields = Readonly<{ [field: string]: Fields | typeof ANY }>;

export const ANY = "any";

/** Stands for every key of a map. */
export const EVERY_KEY = "*";

export interface IstioKind {
  group: string;
  /** The first is what a manifest should say. */
  versions: readonly string[];
  kind: string;
  /** Of `spec`; undefined where doctor reads the object and does not judge its fields. */
  spec?: Fields;
}

const SELECTOR: Fields = { matchLabels: ANY };

const TARGET: Fields = { group: ANY, kind: ANY, name: ANY, namespace: ANY };

const WASM: Fields = {
  url: ANY,
  sha256: ANY,
  imagePullPolicy: ANY,
  imagePullSecret: ANY,
  verificationKey: ANY,
  pluginConfig: ANY,
  pluginName: ANY,
  failStrategy: ANY,
  type: ANY,
  vmConfig: { env: { name: ANY, value: ANY, valueFrom: ANY } },
};

const ATTACHMENT: Fields = {
  selector: SELECTOR,
  targetRefs: TARGET,
  phase: ANY,
  priority: ANY,
  match: { mode: ANY, ports: { number: ANY } },
};

/** `principals` and `notPrincipals`. */
function withNot(...names: string[]): Fields {
  const not = (name: string): string => `not${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  return Object.fromEntries(names.flatMap((name) => [[name, ANY] as const, [not(name), ANY] as const]));
}

const AUTHORIZATION: Fields = {
  selector: SELECTOR,
  targetRef: TARGET,
  targetRefs: TARGET,
  action: ANY,
  provider: { name: ANY },
  rules: {
    from: {
      source: withNot(
        "principals",
        "requestPrincipals",
        "namespaces",
        "serviceAccounts",
        "trustDomains",
        "ipBlocks",
        "remoteIpBlocks",
      ),
    },
    to: { operation: withNot("hosts", "ports", "methods", "paths") },
    when: { key: ANY, values: ANY, notValues: ANY },
  },
};

const MTLS: Fields = { mode: ANY };

/** Kinds of Istio that doctor reads, as its CRDs have them: test/cli/istio-api.test.ts holds them against those. */
export const ISTIO_KINDS: readonly IstioKind[] = [
  {
    group: "extensions.istio.io",
    versions: ["v1alpha1"],
    kind: "WasmPlugin",
    spec: { ...ATTACHMENT, targetRef: TARGET, ...WASM },
  },
  {
    group: "extensions.istio.io",
    versions: ["v1alpha1"],
    kind: "TrafficExtension",
    spec: { ...ATTACHMENT, wasm: WASM, lua: { inlineCode: ANY } },
  },
  {
    group: "security.istio.io",
    versions: ["v1", "v1beta1"],
    kind: "PeerAuthentication",
    spec: { selector: SELECTOR, mtls: MTLS, portLevelMtls: { [EVERY_KEY]: MTLS } },
  },
  { group: "security.istio.io", versions: ["v1", "v1beta1"], kind: "AuthorizationPolicy", spec: AUTHORIZATION },
  { group: "networking.istio.io", versions: ["v1", "v1beta1", "v1alpha3"], kind: "DestinationRule" },
  { group: "networking.istio.io", versions: ["v1", "v1beta1", "v1alpha3"], kind: "ServiceEntry" },
  { group: "networking.istio.io", versions: ["v1", "v1beta1", "v1alpha3"], kind: "Gateway" },
];
