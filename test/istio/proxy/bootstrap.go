package proxy

import (
	"bytes"
	"encoding/json"
	"testing"

	"istio.io/istio/pkg/bootstrap"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/util/protomarshal"

	meshconfig "istio.io/api/mesh/v1alpha1"

	"istio-nats/test/istio/freeport"
)

// The path that istio-agent gives its Unix sockets, relative to the proxy's working directory.
const (
	socketForXDS = "etc/istio/proxy/XDS"
	socketForSDS = "var/run/secrets/workload-spiffe-uds/socket"
)

// ports of one Envoy on 127.0.0.1.
type ports struct{ admin, status, prometheus int }

// freePorts finds those of an Envoy that is about to start.
func freePorts(t testing.TB) ports {
	t.Helper()
	free := freeport.Find(t, 3)
	return ports{admin: free[0], status: free[1], prometheus: free[2]}
}

// bootstrapOf is the Envoy bootstrap of a workload, rendered by Istio's code from Istio's template. It includes what
// the workload's annotations say about the proxy, for example labels of stats.
func bootstrapOf(t testing.TB, template string, workload Workload, ports ports) []byte {
	t.Helper()
	defaults, err := protomarshal.ToYAML(mesh.DefaultProxyConfig())
	if err != nil {
		t.Fatal(err)
	}
	// The injector merges the annotation over the mesh's defaults in exactly this way and hands the result to
	// istio-agent.
	proxyConfig := &meshconfig.ProxyConfig{}
	for _, layer := range []string{defaults, workload.Annotations["proxy.istio.io/config"]} {
		if err := protomarshal.ApplyYAML(layer, proxyConfig); err != nil {
			t.Fatalf("proxy.istio.io/config of %s: %v", workload.Name, err)
		}
	}
	proxyConfig.ProxyAdminPort = int32(ports.admin)
	node, err := bootstrap.GetNodeMetaData(bootstrap.MetadataOptions{
		ID:                         workload.node(),
		InstanceIPs:                []string{workload.IP},
		ProxyConfig:                proxyConfig,
		EnvoyStatusPort:            ports.status,
		EnvoyPrometheusPort:        ports.prometheus,
		WorkloadIdentitySocketFile: "socket",
		Envs: []string{
			"POD_NAME=" + workload.Name,
			"POD_NAMESPACE=" + workload.Namespace,
			"SERVICE_ACCOUNT=" + workload.ServiceAccount,
			"ISTIO_META_CLUSTER_ID=Kubernetes",
			"ISTIO_META_WORKLOAD_NAME=" + workload.Name,
			// Listen on the pod's address instead of on listeners that only iptables reaches.
			"ISTIO_META_INTERCEPTION_MODE=NONE",
			"ISTIO_METAJSON_LABELS=" + string(mustJSON(t, workload.Labels)),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	node.Metadata.Annotations = workload.Annotations
	var rendered bytes.Buffer
	if err := bootstrap.New(bootstrap.Config{Node: node}).WriteTo(template, &rendered); err != nil {
		t.Fatal(err)
	}
	return rendered.Bytes()
}

// Bootstrap is what the workload's Envoy starts with, whatever its ports are.
func Bootstrap(t testing.TB, template string, workload Workload) []byte {
	t.Helper()
	return bootstrapOf(t, template, workload, ports{})
}

func mustJSON(t testing.TB, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
