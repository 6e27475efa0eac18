// Package worlds holds what a cluster has around the objects that deploy/ ships: pods, endpoints and proxies.
package worlds

import (
	"testing"

	"istio.io/istio/pilot/pkg/model"

	"istio-nats/test/istio/mesh"
	"istio-nats/test/istio/shipped"
)

func node(kind, ip, name, namespace string, labels map[string]string) mesh.Node {
	return mesh.Node{
		ID: kind + "~" + ip + "~" + name + "." + namespace + "~" + namespace + ".svc.cluster.local",
		Metadata: model.NodeMetadata{
			Namespace:    namespace,
			ClusterID:    "Kubernetes",
			IstioVersion: "1.31.0",
			Labels:       labels,
		},
	}
}

// The proxies of cluster.yaml.
var (
	NatsSidecar = node("sidecar", "10.0.0.2", "nats-0", "messaging", map[string]string{
		"app.kubernetes.io/name": "nats", "security.istio.io/tlsMode": "istio",
	})
	OrdersSidecar = node("sidecar", "10.0.0.3", "orders-api-0", "shop", map[string]string{
		"app.kubernetes.io/name": "orders-api", "security.istio.io/tlsMode": "istio",
	})
	EgressGateway = node("router", "10.0.0.4", "istio-egressgateway-0", "istio-egress", map[string]string{
		"istio": "egressgateway",
	})
	NatsWaypoint = node("waypoint", "10.0.0.5", "nats-waypoint-0", "messaging", map[string]string{
		"gateway.networking.k8s.io/gateway-name": "nats-waypoint",
		"gateway.istio.io/managed":               "istio.io-mesh-controller",
	})
)

// Cluster is cluster.yaml with the given forms of deploy/ applied to it.
func Cluster(t testing.TB, forms ...string) []shipped.Object {
	t.Helper()
	objects := shipped.ParseFile(t, "worlds/cluster.yaml", nil)
	for _, form := range forms {
		for _, object := range shipped.Render(t, form) {
			objects = shipped.Replace(objects, Admitted(t, object))
		}
	}
	return objects
}

// Admitted adds what Kubernetes and the gateway controller would add to an object.
func Admitted(t testing.TB, object shipped.Object) shipped.Object {
	t.Helper()
	switch {
	case object.GetKind() == "Service" && object.GetName() == "nats":
		object = shipped.With(t, object, "spec.clusterIP", "10.96.0.2")
		return shipped.With(t, object, "spec.clusterIPs", []any{"10.96.0.2"})
	case object.GetAPIVersion() == "gateway.networking.k8s.io/v1" && object.GetKind() == "Gateway":
		service := object.GetName() + "." + object.GetNamespace() + ".svc.cluster.local"
		return shipped.With(t, object, "status.addresses", []any{map[string]any{"type": "Hostname", "value": service}})
	default:
		return object
	}
}
