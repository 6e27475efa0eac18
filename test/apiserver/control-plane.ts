import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { run, type Outcome } from "../../tools/command.ts";
import { fileOfModule, type CrdModule } from "../../tools/crds.ts";
import { kubernetesTools } from "../../tools/kubernetes.ts";
import { Child } from "../stand/child.ts";
import { freePorts } from "../stand/free-ports.ts";
import { Started } from "../stand/started.ts";
import { waitFor } from "../stand/wait.ts";

const HOST = "127.0.0.1";
const TOKEN = "of-the-administrator";

/** A start creates all of the API server's own objects, which takes seconds on an idle machine. */
const START = { timeout: 120_000 };

const GATEWAY_API = ["config", "crd", "standard"];
const PROMETHEUS_OPERATOR = ["example", "prometheus-operator-crd"];

/** The CRDs of the kinds that are in deploy/ and in doctor's fixtures. */
const CRDS: readonly [CrdModule, ...path: string[]][] = [
  ["istio.io/api", "kubernetes", "customresourcedefinitions.gen.yaml"],
  ["sigs.k8s.io/gateway-api", ...GATEWAY_API, "gateway.networking.k8s.io_gatewayclasses.yaml"],
  ["sigs.k8s.io/gateway-api", ...GATEWAY_API, "gateway.networking.k8s.io_gateways.yaml"],
  ["sigs.k8s.io/gateway-api", ...GATEWAY_API, "gateway.networking.k8s.io_tcproutes.yaml"],
  ["github.com/argoproj/argo-rollouts", "manifests", "crds", "analysis-template-crd.yaml"],
  ["github.com/argoproj/argo-rollouts", "manifests", "crds", "rollout-crd.yaml"],
  ["github.com/fluxcd/flagger", "artifacts", "flagger", "crd.yaml"],
  [
    "github.com/prometheus-operator/prometheus-operator",
    ...PROMETHEUS_OPERATOR,
    "monitoring.coreos.com_podmonitors.yaml",
  ],
  [
    "github.com/prometheus-operator/prometheus-operator",
    ...PROMETHEUS_OPERATOR,
    "monitoring.coreos.com_prometheusrules.yaml",
  ],
];

/** A real kube-apiserver over etcd, with the CRDs, and kubectl for its administrator. */
export class ControlPlane {
  /** For what a test writes. */
  readonly folder: string;
  readonly #started: Started;
  readonly #kubectl: string;
  readonly #namespaces = new Set(["default", "kube-system"]);

  private constructor(started: Started, kubectl: string) {
    this.#started = started;
    this.folder = started.folder;
    this.#kubectl = kubectl;
  }

  static start(): Promise<ControlPlane> {
    return Started.whole(async (started) => {
      const { etcd, kubeApiserver, kubectl } = await kubernetesTools();
      const { folder } = started;
      const [clientPort = 0, peerPort = 0, port = 0] = await freePorts(3);
      const begin = (name: string, command: string, args: readonly string[]): Promise<Child> =>
        started.add(Promise.resolve(new Child(name, join(folder, `${name}.log`), command, args)));
      await begin("etcd", etcd, etcdArgs(folder, clientPort, peerPort));
      const server = await begin("kube-apiserver", kubeApiserver, apiserverArgs(folder, clientPort, port));
      writeFileSync(join(folder, "kubeconfig"), kubeconfig(folder, port));

      const plane = new ControlPlane(started, kubectl);
      const isReady = async (): Promise<boolean> => {
        server.assertRunning();
        return (await plane.kubectl("get", "--raw", "/readyz")).status === 0;
      };
      await waitFor("kube-apiserver is ready", isReady, { ...START, explain: () => server.explain() });
      await plane.#installCrds();
      return plane;
    });
  }

  stop(): Promise<void> {
    return this.#started.stop();
  }

  /** Runs kubectl, whatever comes of it. */
  kubectl(...args: string[]): Promise<Outcome> {
    const own = ["--kubeconfig", join(this.folder, "kubeconfig"), "--cache-dir", join(this.folder, "cache")];
    return run(this.#kubectl, [...own, ...args]);
  }

  /** Runs kubectl, which must succeed. Returns its stdout. */
  async must(...args: string[]): Promise<string> {
    const { status, output, stdout } = await this.kubectl(...args);
    if (status !== 0) throw new Error(`$ kubectl ${args.join(" ")}\n${output}`);
    return stdout;
  }

  /** Runs kubectl, which must succeed, and the server must warn of nothing. */
  async mustQuietly(...args: string[]): Promise<void> {
    const { status, output } = await this.kubectl(...args);
    if (status !== 0 || /^Warning:/m.test(output)) throw new Error(`$ kubectl ${args.join(" ")}\n${output}`);
  }

  /** Writes a text into a file that kubectl can be given. */
  file(name: string, text: string): string {
    const file = join(this.folder, name);
    writeFileSync(file, text);
    return file;
  }

  /** Makes the namespaces that are not there. They warn of pods that the level `restricted` of Pod Security would refuse. */
  async makeNamespaces(names: Iterable<string>): Promise<void> {
    const missing = [...new Set(names)].filter((name) => !this.#namespaces.has(name));
    if (missing.length === 0) return;
    const labels = { "pod-security.kubernetes.io/warn": "restricted" };
    const items = missing.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } }));
    await this.must(
      "create",
      "-f",
      this.file("namespaces.json", JSON.stringify({ apiVersion: "v1", kind: "List", items })),
    );
    for (const name of missing) this.#namespaces.add(name);
  }

  async #installCrds(): Promise<void> {
    for (const [index, crd] of CRDS.entries()) {
      await this.must("apply", "--server-side", "-f", this.file(`crds-${index}.yaml`, await fileOfModule(...crd)));
    }
    await this.must("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all");
  }
}

function etcdArgs(folder: string, clientPort: number, peerPort: number): string[] {
  const [client, peer] = [`http://${HOST}:${clientPort}`, `http://${HOST}:${peerPort}`];
  return [
    ...["--data-dir", join(folder, "etcd")],
    ...["--listen-client-urls", client, "--advertise-client-urls", client],
    ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", `default=${peer}`],
    // Nothing has to outlive the machine.
    "--unsafe-no-fsync",
  ];
}

function apiserverArgs(folder: string, etcdPort: number, port: number): string[] {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = join(folder, "service-accounts.key");
  writeFileSync(key, privateKey.export({ type: "pkcs1", format: "pem" }));
  const tokens = join(folder, "tokens.csv");
  writeFileSync(tokens, `${TOKEN},admin,admin,system:masters\n`);
  return [
    ...["--etcd-servers", `http://${HOST}:${etcdPort}`],
    ...["--bind-address", HOST, "--secure-port", String(port), "--cert-dir", join(folder, "certificates")],
    ...["--service-account-key-file", key, "--service-account-signing-key-file", key],
    ...["--service-account-issuer", "https://kubernetes.default.svc", "--service-cluster-ip-range", "10.0.0.0/16"],
    ...["--token-auth-file", tokens, "--authorization-mode", "RBAC"],
    // Nobody else has to find this server, and the machine may have no other address.
    ...["--endpoint-reconciler-type", "none", "--advertise-address", HOST],
    // No controller makes the ServiceAccount `default` of a namespace, without which pods are refused.
    ...["--disable-admission-plugins", "ServiceAccount"],
  ];
}

function kubeconfig(folder: string, port: number): string {
  const authority = join(folder, "certificates", "apiserver.crt");
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "it", cluster: { server: `https://${HOST}:${port}`, "certificate-authority": authority } }],
    users: [{ name: "admin", user: { token: TOKEN } }],
    contexts: [{ name: "it", context: { cluster: "it", user: "admin" } }],
    "current-context": "it",
  });
}
