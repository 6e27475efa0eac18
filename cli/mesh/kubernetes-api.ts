import { OBJECT, type ApiKind, type Shape } from "./istio-api.ts";

/** The names of an object's fields, or of those of a list's elements: each with the names below it if doctor reads there. */
export interface Fields {
  readonly [name: string]: Fields | true;
}

export interface KubernetesKind extends ApiKind {
  fields: Fields;
  /** The shape of `spec` where its values are judged as well. */
  spec?: Shape;
}

/** `others`, divided by blanks, are fields below which doctor reads nothing. */
function fields(others: string, read: Fields = {}): Fields {
  return { ...Object.fromEntries(others.split(" ").map((name) => [name, true as const])), ...read };
}

const METADATA = OBJECT["metadata"]?.type === "object" ? Object.keys(OBJECT["metadata"].fields ?? {}).join(" ") : "";

function object(others: string, read: Fields = {}): Fields {
  return fields(`apiVersion kind ${others}`, { metadata: fields(METADATA), ...read });
}

const CONTAINER = fields(
  "name image command args workingDir envFrom resources resizePolicy restartPolicy restartPolicyRules volumeMounts " +
    "volumeDevices livenessProbe readinessProbe startupProbe lifecycle terminationMessagePath terminationMessagePolicy " +
    "imagePullPolicy securityContext stdin stdinOnce tty",
  { ports: fields("name hostPort containerPort protocol hostIP"), env: fields("name value valueFrom") },
);

const VOLUME = fields(
  "name hostPath emptyDir gcePersistentDisk awsElasticBlockStore gitRepo nfs iscsi glusterfs persistentVolumeClaim rbd " +
    "flexVolume cinder cephfs flocker downwardAPI fc azureFile vsphereVolume quobyte azureDisk photonPersistentDisk " +
    "portworxVolume scaleIO storageos csi ephemeral image",
  {
    configMap: fields("name items defaultMode optional"),
    secret: fields("secretName items defaultMode optional"),
    projected: fields("defaultMode", {
      sources: fields("downwardAPI serviceAccountToken clusterTrustBundle podCertificate", {
        configMap: fields("name items optional"),
        secret: fields("name items optional"),
      }),
    }),
  },
);

const POD = {
  metadata: fields(METADATA),
  spec: fields(
    "ephemeralContainers restartPolicy terminationGracePeriodSeconds activeDeadlineSeconds dnsPolicy nodeSelector " +
      "serviceAccountName serviceAccount automountServiceAccountToken nodeName hostNetwork hostPID hostIPC " +
      "shareProcessNamespace securityContext imagePullSecrets hostname subdomain affinity schedulerName tolerations " +
      "hostAliases priorityClassName priority dnsConfig readinessGates runtimeClassName enableServiceLinks preemptionPolicy " +
      "overhead topologySpreadConstraints setHostnameAsFQDN os hostUsers schedulingGates resourceClaims resources " +
      "hostnameOverride schedulingGroup",
    { containers: CONTAINER, initContainers: CONTAINER, volumes: VOLUME },
  ),
} as const satisfies Fields;

/** An object with a template of pods. */
function template(others: string): Fields {
  return object("status", { spec: fields(others, { template: POD }) });
}

const JOB = fields(
  "parallelism completions activeDeadlineSeconds podFailurePolicy successPolicy backoffLimit backoffLimitPerIndex " +
    "maxFailedIndexes selector manualSelector ttlSecondsAfterFinished completionMode suspend podReplacementPolicy managedBy",
  { template: POD },
);

const TEXT: Shape = { type: "string" };

function list(items: Shape): Shape {
  return { type: "array", items };
}

function word(...words: string[]): Shape {
  return { type: "string", words };
}

const SELECTOR: Shape = {
  type: "object",
  fields: {
    matchLabels: { type: "object", values: TEXT },
    matchExpressions: list({
      type: "object",
      fields: { key: TEXT, operator: word("In", "NotIn", "Exists", "DoesNotExist"), values: list(TEXT) },
    }),
  },
};

/** The rules of a NetworkPolicy, whose peers are `from` or `to`. */
function rulesOfPolicy(peers: "from" | "to"): Shape {
  const ports = { protocol: word("TCP", "UDP", "SCTP"), port: { type: "port" }, endPort: { type: "integer" } } as const;
  const ipBlock: Shape = { type: "object", fields: { cidr: TEXT, except: list(TEXT) } };
  const peer = { podSelector: SELECTOR, namespaceSelector: SELECTOR, ipBlock };
  return list({
    type: "object",
    fields: { ports: list({ type: "object", fields: ports }), [peers]: list({ type: "object", fields: peer }) },
  });
}

const NETWORK_POLICY: Shape = {
  type: "object",
  fields: {
    podSelector: SELECTOR,
    ingress: rulesOfPolicy("from"),
    egress: rulesOfPolicy("to"),
    policyTypes: list(word("Ingress", "Egress")),
  },
};

/** The names in a shape. */
function namesIn(shape: Shape): Fields | true {
  if (shape.type === "array") return namesIn(shape.items);
  if (shape.type !== "object" || !shape.fields) return true;
  return Object.fromEntries(Object.entries(shape.fields).map(([name, below]) => [name, namesIn(below)]));
}

function kind(group: string, name: string, of: Fields): KubernetesKind {
  return { group, versions: ["v1"], kind: name, fields: of };
}

/**
 * Kubernetes' own kinds that doctor reads, and its Gateway API's, as in k8s.io/api and that API's CRDs;
 * test/cli/kubernetes-api.test.ts compares them. A later Kubernetes may have more fields.
 */
export const KUBERNETES_KINDS: readonly KubernetesKind[] = [
  kind(
    "",
    "Service",
    object("status", {
      spec: fields(
        "selector clusterIP clusterIPs type externalIPs sessionAffinity loadBalancerIP loadBalancerSourceRanges " +
          "externalName externalTrafficPolicy healthCheckNodePort publishNotReadyAddresses sessionAffinityConfig ipFamilies " +
          "ipFamilyPolicy allocateLoadBalancerNodePorts loadBalancerClass internalTrafficPolicy trafficDistribution",
        { ports: fields("name protocol appProtocol port targetPort nodePort") },
      ),
    }),
  ),
  kind("", "Namespace", object("spec status")),
  kind("", "ConfigMap", object("immutable data binaryData")),
  kind("", "Secret", object("immutable data stringData type")),
  kind("", "Pod", object("status", POD)),
  kind("", "ReplicationController", template("replicas minReadySeconds selector")),
  kind(
    "apps",
    "StatefulSet",
    template(
      "replicas selector volumeClaimTemplates serviceName podManagementPolicy updateStrategy revisionHistoryLimit " +
        "minReadySeconds persistentVolumeClaimRetentionPolicy ordinals",
    ),
  ),
  kind(
    "apps",
    "Deployment",
    template("replicas selector strategy minReadySeconds revisionHistoryLimit paused progressDeadlineSeconds"),
  ),
  kind("apps", "DaemonSet", template("selector updateStrategy minReadySeconds revisionHistoryLimit")),
  kind("apps", "ReplicaSet", template("replicas minReadySeconds selector")),
  kind("batch", "Job", object("status", { spec: JOB })),
  kind(
    "batch",
    "CronJob",
    object("status", {
      spec: fields(
        "schedule timeZone startingDeadlineSeconds concurrencyPolicy suspend successfulJobsHistoryLimit failedJobsHistoryLimit",
        { jobTemplate: { metadata: fields(METADATA), spec: JOB } },
      ),
    }),
  ),
  {
    ...kind(
      "networking.k8s.io",
      "NetworkPolicy",
      fields("apiVersion kind", { metadata: fields(METADATA), spec: namesIn(NETWORK_POLICY) }),
    ),
    spec: NETWORK_POLICY,
  },
  {
    group: "gateway.networking.k8s.io",
    versions: ["v1", "v1beta1"],
    kind: "Gateway",
    fields: object("status", {
      spec: fields("addresses allowedListeners defaultScope gatewayClassName listeners tls", {
        infrastructure: fields("labels annotations parametersRef"),
      }),
    }),
  },
];
