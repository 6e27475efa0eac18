import { join } from "node:path";
import { goCommands } from "./go.ts";
import { inRoot } from "./paths.ts";

/** The commands of a Kubernetes control plane without nodes. */
export interface KubernetesTools {
  etcd: string;
  kubeApiserver: string;
  kubectl: string;
}

/** etcd, kube-apiserver and kubectl in the versions that tools/go-kubernetes/go.mod pins, built once per machine. */
export async function kubernetesTools(): Promise<KubernetesTools> {
  const folder = await goCommands({
    commands: "etcd, kube-apiserver and kubectl",
    about: "from their Go modules (about four minutes)",
    name: "kubernetes",
    module: inRoot("tools", "go-kubernetes"),
  });
  // Go names a command by the last part of its path: go.etcd.io/etcd/server/v3 is etcd's.
  const etcd = join(folder, "server");
  return { etcd, kubeApiserver: join(folder, "kube-apiserver"), kubectl: join(folder, "kubectl") };
}
