import { STATS_TAGS } from "../../cli/stats-tags.ts";
import { fixture } from "./fixture.ts";
import { doctor } from "./support.ts";

/** A plugin, its Service, its pods and STRICT mTLS, in which doctor finds nothing. */
export const DOCUMENTS = fixture("selector-matches-nothing", "good").split("---\n");

/** The ids of what doctor finds in these documents, each once. */
export function ids(...documents: string[]): string[] {
  return [...new Set(doctor(documents.join("\n---\n")).map(({ id }) => id))].sort();
}

/** Those of DOCUMENTS that are of these kinds. */
export function kinds(...wanted: string[]): string[] {
  return DOCUMENTS.filter((text) => wanted.some((kind) => text.includes(`kind: ${kind}\n`)));
}

export function document(group: string, kind: string, name: string, namespace: string, spec: object): string {
  return JSON.stringify({ apiVersion: `${group}/v1`, kind, metadata: { name, namespace }, spec });
}

export function namespace(name: string, labels: object): string {
  return JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
}

/** A client in the namespace `shop`, whom the rule of DOCUMENTS lets in unless `spec` gives it another service account. */
export function client(address: string, spec: object = {}, annotations: object = {}): string {
  const containers = [{ name: "c", env: [{ name: "N", value: address }] }];
  const pods = { serviceAccountName: "orders", containers, ...spec };
  const template = { metadata: { labels: { app: "c" }, annotations }, spec: pods };
  return document("apps", "Deployment", "c", "shop", { template });
}

let documents = 0;

/** Each has a name of its own. */
export function peerAuthentication(namespace: string, spec: object): string {
  return document("security.istio.io", "PeerAuthentication", `p${documents++}`, namespace, spec);
}

export function authorization(spec: object, namespace = "messaging"): string {
  return document("security.istio.io", "AuthorizationPolicy", "a", namespace, spec);
}

/** Istio's ProxyConfig. */
export function proxyConfig(
  metadata: { name?: string; namespace: string; creationTimestamp?: string },
  spec: object,
): string {
  const about = { apiVersion: "networking.istio.io/v1beta1", kind: "ProxyConfig" };
  return JSON.stringify({ ...about, metadata: { name: "proxies", ...metadata }, spec });
}

/** An application with a nats-server of its own, to which it alone connects. */
export const LEAF_NODE = JSON.stringify({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "orders", namespace: "shop" },
  spec: {
    template: {
      metadata: {
        labels: { app: "orders" },
        annotations: { "proxy.istio.io/config": "holdApplicationUntilProxyStarts: true" },
      },
      spec: {
        containers: [
          { name: "orders", image: "orders:1" },
          { name: "leaf", image: "nats:2.15.2", args: ["-a", "127.0.0.1", "-p", "4222"] },
        ],
      },
    },
  },
});

export const NATS = { matchLabels: { app: "nats" } };
export const ALL_TAGS = { "sidecar.istio.io/extraStatTags": STATS_TAGS.join() };
