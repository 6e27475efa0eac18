import { OBJECT, type ApiKind, type Shape } from "./istio-api.ts";

type ObjectShape = Shape & { type: "object" };

export interface KubernetesKind extends ApiKind {
  shape: ObjectShape;
}

const ANY: Shape = { type: "any" };

const TEXT: Shape = { type: "string" };

const WHOLE: Shape = { type: "integer" };

const PORT: Shape = { type: "port" };

const TEXTS: Shape = { type: "object", values: TEXT };

function list(items: Shape): Shape {
  return { type: "array", items };
}

function word(...words: string[]): Shape {
  return { type: "string", words };
}

/** `others`, divided by blanks, are fields that doctor does not read. */
function fields(others: string, read: Readonly<Record<string, Shape>>): ObjectShape {
  const names = others === "" ? [] : others.split(" ");
  return { type: "object", fields: { ...Object.fromEntries(names.map((name) => [name, ANY])), ...read } };
}

const METADATA: Shape = OBJECT["metadata"] ?? ANY;

const SELECTOR = fields("", {
  matchLabels: TEXTS,
  matchExpressions: list(
    fields("", { key: TEXT, operator: word("In", "NotIn", "Exists", "DoesNotExist"), values: list(TEXT) }),
  ),
});

function object(others: string, read: Readonly<Record<string, Shape>> = {}): ObjectShape {
  return fields(others, { apiVersion: TEXT, kind: TEXT, metadata: METADATA, ...read });
}

/** What its ports have as `protocol` has a check of its own, as in Services. */
const CONTAINER = fields(
  "workingDir envFrom resources resizePolicy restartPolicy restartPolicyRules volumeMounts volumeDevices livenessProbe " +
    "readinessProbe startupProbe lifecycle terminationMessagePath terminationMessagePolicy imagePullPolicy securityContext " +
    "stdin stdinOnce tty",
  {
    name: TEXT,
    image: TEXT,
    command: list(TEXT),
    args: list(TEXT),
    ports: list(fields("protocol hostIP", { name: TEXT, hostPort: WHOLE, containerPort: WHOLE })),
    env: list(fields("valueFrom", { name: TEXT, value: TEXT })),
  },
);

const VOLUME = fields(
  "hostPath emptyDir gcePersistentDisk awsElasticBlockStore gitRepo nfs iscsi glusterfs persistentVolumeClaim rbd flexVolume " +
    "cinder cephfs flocker downwardAPI fc azureFile vsphereVolume quobyte azureDisk photonPersistentDisk portworxVolume " +
    "scaleIO storageos csi ephemeral image",
  {
    name: TEXT,
    configMap: fields("items defaultMode optional", { name: TEXT }),
    secret: fields("items defaultMode optional", { secretName: TEXT }),
    projected: fields("defaultMode", {
      sources: list(
        fields("downwardAPI serviceAccountToken clusterTrustBundle podCertificate", {
          configMap: fields("items optional", { name: TEXT }),
          secret: fields("items optional", { name: TEXT }),
        }),
      ),
    }),
  },
);

const POD = {
  metadata: METADATA,
  spec: fields(
    "ephemeralContainers restartPolicy activeDeadlineSeconds dnsPolicy nodeSelector automountServiceAccountToken nodeName " +
      "hostPID hostIPC shareProcessNamespace securityContext imagePullSecrets hostname subdomain affinity schedulerName " +
      "tolerations hostAliases priorityClassName priority dnsConfig readinessGates runtimeClassName enableServiceLinks " +
      "preemptionPolicy overhead topologySpreadConstraints setHostnameAsFQDN os hostUsers schedulingGates resourceClaims " +
      "resources hostnameOverride schedulingGroup",
    {
      containers: list(CONTAINER),
      initContainers: list(CONTAINER),
      volumes: list(VOLUME),
      hostNetwork: { type: "boolean" },
      serviceAccountName: TEXT,
      serviceAccount: TEXT,
      terminationGracePeriodSeconds: WHOLE,
    },
  ),
} as const;

const TEMPLATE = fields("", POD);

/** An object with a template of pods. */
function template(others: string, read: Readonly<Record<string, Shape>> = { selector: SELECTOR }): ObjectShape {
  return object("status", { spec: fields(others, { replicas: WHOLE, template: TEMPLATE, ...read }) });
}

const JOB = fields(
  "parallelism completions activeDeadlineSeconds podFailurePolicy successPolicy backoffLimit backoffLimitPerIndex " +
    "maxFailedIndexes manualSelector ttlSecondsAfterFinished completionMode suspend podReplacementPolicy managedBy",
  { selector: SELECTOR, template: TEMPLATE },
);

/** The rules of a NetworkPolicy, whose peers are `from` or `to`. */
function rulesOfPolicy(peers: "from" | "to"): Shape {
  const ports = { protocol: word("TCP", "UDP", "SCTP"), port: PORT, endPort: WHOLE };
  const ipBlock = fields("", { cidr: TEXT, except: list(TEXT) });
  const peer = { podSelector: SELECTOR, namespaceSelector: SELECTOR, ipBlock };
  return list(fields("", { ports: list(fields("", ports)), [peers]: list(fields("", peer)) }));
}

function kind(group: string, name: string, shape: ObjectShape): KubernetesKind {
  return { group, versions: ["v1"], kind: name, shape };
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
        "clusterIP clusterIPs type externalIPs sessionAffinity loadBalancerIP loadBalancerSourceRanges " +
          "externalName externalTrafficPolicy healthCheckNodePort publishNotReadyAddresses sessionAffinityConfig ipFamilies " +
          "ipFamilyPolicy allocateLoadBalancerNodePorts loadBalancerClass internalTrafficPolicy trafficDistribution",
        {
          selector: TEXTS,
          ports: list(
            fields("protocol", { name: TEXT, appProtocol: TEXT, port: WHOLE, targetPort: PORT, nodePort: WHOLE }),
          ),
        },
      ),
    }),
  ),
  kind("", "Namespace", object("spec status")),
  kind("", "ConfigMap", object("immutable", { data: TEXTS, binaryData: TEXTS })),
  kind("", "Secret", object("immutable type", { data: TEXTS, stringData: TEXTS })),
  kind("", "Pod", object("status", POD)),
  kind("", "ReplicationController", template("minReadySeconds", { selector: TEXTS })),
  kind(
    "apps",
    "StatefulSet",
    template(
      "volumeClaimTemplates serviceName podManagementPolicy updateStrategy revisionHistoryLimit " +
        "minReadySeconds persistentVolumeClaimRetentionPolicy ordinals",
    ),
  ),
  kind("apps", "Deployment", template("strategy minReadySeconds revisionHistoryLimit paused progressDeadlineSeconds")),
  kind(
    "apps",
    "DaemonSet",
    object("status", {
      spec: fields("updateStrategy minReadySeconds revisionHistoryLimit", { selector: SELECTOR, template: TEMPLATE }),
    }),
  ),
  kind("apps", "ReplicaSet", template("minReadySeconds")),
  kind("batch", "Job", object("status", { spec: JOB })),
  kind(
    "batch",
    "CronJob",
    object("status", {
      spec: fields(
        "schedule timeZone startingDeadlineSeconds concurrencyPolicy suspend successfulJobsHistoryLimit failedJobsHistoryLimit",
        { jobTemplate: fields("", { metadata: METADATA, spec: JOB }) },
      ),
    }),
  ),
  kind(
    "networking.k8s.io",
    "NetworkPolicy",
    object("", {
      spec: fields("", {
        podSelector: SELECTOR,
        ingress: rulesOfPolicy("from"),
        egress: rulesOfPolicy("to"),
        policyTypes: list(word("Ingress", "Egress")),
      }),
    }),
  ),
  {
    group: "gateway.networking.k8s.io",
    versions: ["v1", "v1beta1"],
    kind: "Gateway",
    shape: object("status", {
      spec: fields("addresses allowedListeners defaultScope gatewayClassName listeners tls", {
        infrastructure: fields("parametersRef", { labels: TEXTS, annotations: TEXTS }),
      }),
    }),
  },
];
