import { OBJECT, type ApiKind } from "./istio-api.ts";

/** The names of an object's fields, or of those of a list's elements: each with the names below it if doctor reads there. */
export interface Fields {
  readonly [name: string]: Fields | true;
}

export interface KubernetesKind extends ApiKind {
  fields: Fields;
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

const SELECTOR = fields("matchLabels", { matchExpressions: fields("key operator values") });

const PORT_OF_POLICY = fields("protocol port endPort");

const PEER_OF_POLICY = { podSelector: SELECTOR, namespaceSelector: SELECTOR, ipBlock: fields("cidr except") };

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
  kind(
    "networking.k8s.io",
    "NetworkPolicy",
    fields("apiVersion kind", {
      metadata: fields(METADATA),
      spec: fields("policyTypes", {
        podSelector: SELECTOR,
        ingress: { ports: PORT_OF_POLICY, from: PEER_OF_POLICY },
        egress: { ports: PORT_OF_POLICY, to: PEER_OF_POLICY },
      }),
    }),
  ),
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
