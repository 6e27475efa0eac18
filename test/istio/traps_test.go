package istio

import (
	"strings"
	"testing"

	"istio-nats/test/istio/mesh"
	"istio-nats/test/istio/shipped"
	"istio-nats/test/istio/worlds"
)

// filtersOf4222 are the filters of the only chain for port 4222 of the server's sidecar.
func filtersOf4222(t *testing.T, objects []shipped.Object) string {
	t.Helper()
	chains := start(t, objects).View(t, worlds.NatsSidecar).Chains(t, inbound4222)
	if len(chains) != 1 {
		t.Fatalf("%+v", chains)
	}
	return chains[0].Filters
}

const (
	withFilter    = "metadata_exchange > rbac DENY > istio-nats > stats > tcp_proxy"
	withoutFilter = "metadata_exchange > rbac DENY > stats > tcp_proxy"
)

// onlyPort leaves nats-server's Service this port alone.
func onlyPort(t *testing.T, objects []shipped.Object, port map[string]any) []shipped.Object {
	t.Helper()
	service := shipped.Named(t, objects, "Service", "nats")
	return shipped.Replace(objects, shipped.With(t, service, "spec.ports", []any{port}))
}

// servicePort gives the client port of the Service another number than its target has.
func servicePort(t *testing.T, objects []shipped.Object, number int64) []shipped.Object {
	t.Helper()
	port := map[string]any{"name": "tcp-client", "appProtocol": "tcp", "port": number, "targetPort": int64(4222)}
	return onlyPort(t, objects, port)
}

func TestMatchComparesThePortOfTheServiceNotItsTarget(t *testing.T) {
	objects := servicePort(t, worlds.Cluster(t, "sidecar"), 14222)
	if filters := filtersOf4222(t, objects); filters != withoutFilter {
		t.Errorf("a Service port 14222 with target 4222 has %s: the trap is gone, and so may the warnings be", filters)
	}
	plugin := shipped.The(t, objects, "WasmPlugin")
	both := []any{map[string]any{"mode": "SERVER", "ports": []any{
		map[string]any{"number": int64(4222)}, map[string]any{"number": int64(14222)},
	}}}
	objects = shipped.Replace(objects, shipped.With(t, plugin, "spec.match", both))
	if filters := filtersOf4222(t, objects); filters != withFilter {
		t.Errorf("listing both ports gives %s", filters)
	}
}

func TestEveryServiceOfDeployHasEqualPortsAndTargetPorts(t *testing.T) {
	for _, form := range shipped.Forms(t) {
		for _, service := range shipped.OfKind(shipped.Render(t, form), "Service") {
			for _, entry := range service.Object["spec"].(map[string]any)["ports"].([]any) {
				port := entry.(map[string]any)
				if port["port"] != port["targetPort"] || port["appProtocol"] == nil {
					t.Errorf("deploy/%s: port %v of Service %s leads to %v and is declared %v",
						form, port["port"], service.GetName(), port["targetPort"], port["appProtocol"])
				}
			}
		}
	}
}

func TestPodWhose4222IsInNoServiceIsNotFiltered(t *testing.T) {
	objects := worlds.Cluster(t, "sidecar")
	monitor := map[string]any{"name": "http-monitor", "appProtocol": "http", "port": int64(8222), "targetPort": int64(8222)}
	view := start(t, onlyPort(t, objects, monitor)).View(t, worlds.NatsSidecar)
	if len(view.Extensions) != 0 {
		t.Errorf("%v: the trap is gone, and so may the warnings be", view.Extensions)
	}
}

func TestWasmPluginBesideTrafficExtensionFiltersTwice(t *testing.T) {
	objects := worlds.Cluster(t, "sidecar", "trafficextension/sidecar")
	const twice = "metadata_exchange > rbac DENY > istio-nats > istio-nats > stats > tcp_proxy"
	if filters := filtersOf4222(t, objects); filters != twice {
		t.Errorf("both have %s: the trap is gone, and so may the warnings be", filters)
	}
}

func TestWasmPluginWithoutTypeNetworkIsSilentlyAbsent(t *testing.T) {
	objects := worlds.Cluster(t, "sidecar")
	delete(shipped.The(t, objects, "WasmPlugin").Object["spec"].(map[string]any), "type")
	if filters := filtersOf4222(t, objects); filters != withoutFilter {
		t.Errorf("%s: the trap is gone, and so may the warnings be", filters)
	}
}

func TestUndeclaredPortIsSniffedAndLeavesChainsForHTTP(t *testing.T) {
	objects := worlds.Cluster(t, "sidecar")
	undeclared := map[string]any{"name": "client", "port": int64(4222), "targetPort": int64(4222)}
	chains := start(t, onlyPort(t, objects, undeclared)).View(t, worlds.NatsSidecar).Chains(t, inbound4222)
	http := 0
	for _, chain := range chains {
		if chain.Filters == "metadata_exchange > istio-nats > http_connection_manager" {
			http++
		}
	}
	if http == 0 {
		t.Errorf("%+v", chains)
	}
}

// declared gives the client port of the Service this protocol.
func declared(t *testing.T, objects []shipped.Object, protocol string) []shipped.Object {
	t.Helper()
	return onlyPort(t, objects, map[string]any{
		"name": protocol + "-client", "appProtocol": protocol, "port": int64(4222), "targetPort": int64(4222),
	})
}

// waitsForTLS tells whether a listener of that name has Envoy read the client's first bytes before it chooses a chain.
func waitsForTLS(t *testing.T, view mesh.View, name string) bool {
	t.Helper()
	for _, one := range view.Listeners {
		if one.Name != name {
			continue
		}
		for _, filter := range one.ListenerFilters {
			if filter.Name == "envoy.filters.listener.tls_inspector" {
				return true
			}
		}
		return false
	}
	t.Fatalf("no listener %s", name)
	return false
}

func TestPortDeclaredAsTLSIsOneOfTCPToSidecars(t *testing.T) {
	for _, protocol := range []string{"tcp", "tls"} {
		objects := declared(t, worlds.Cluster(t, "sidecar"), protocol)
		if filters := filtersOf4222(t, objects); filters != withFilter {
			t.Errorf("declared as %s it has %s", protocol, filters)
		}
		if waitsForTLS(t, start(t, objects).View(t, worlds.OrdersSidecar), "10.96.0.2_4222") {
			t.Errorf("declared as %s, a client's own sidecar waits for its first bytes", protocol)
		}
	}
}

func TestWaypointWaitsForTLSOnPortsThatAreDeclaredSo(t *testing.T) {
	for protocol, waits := range map[string]bool{"tcp": false, "tls": true} {
		objects := declared(t, worlds.Cluster(t, "waypoint"), protocol)
		if waitsForTLS(t, startAmbient(t, objects).View(t, worlds.NatsWaypoint), "main_internal") != waits {
			t.Errorf("declared as %s: the trap is gone, and so may the warnings be", protocol)
		}
	}
}

func TestSidecarWithIngressOfItsOwnLetsInOnlyThePortsThatItNames(t *testing.T) {
	const sidecar = `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: nats, namespace: messaging}
spec:
  workloadSelector: {labels: {app.kubernetes.io/name: nats}}
  ingress:
  - {port: {number: PORT, protocol: TCP, name: tcp}, defaultEndpoint: "127.0.0.1:PORT"}
`
	with := func(port string) []shipped.Object {
		return append(worlds.Cluster(t, "sidecar"), shipped.Parse(t, strings.ReplaceAll(sidecar, "PORT", port))...)
	}
	if view := start(t, with("6222")).View(t, worlds.NatsSidecar); len(view.Extensions) != 0 {
		t.Errorf("%v: the trap is gone, and so may the warnings be", view.Extensions)
	}
	if filters := filtersOf4222(t, with("4222")); filters != withFilter {
		t.Errorf("a Sidecar that names 4222 has %s", filters)
	}
}
