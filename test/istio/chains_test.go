package istio

import (
	"reflect"
	"strings"
	"testing"

	"istio-nats/test/istio/mesh"
	"istio-nats/test/istio/shipped"
	"istio-nats/test/istio/worlds"
)

// stats is in every chain of a mesh with metrics, as Istio is installed.
const meshConfig = "defaultProviders: {metrics: [prometheus]}"

// allowShop puts both filters of Istio's own authorization into the chains. The DENY comes from deploy/.
const allowShop = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-shop, namespace: messaging}
spec:
  selector: {matchLabels: {app.kubernetes.io/name: nats}}
  rules:
  - from: [{source: {namespaces: [shop]}}]
`

// kinds are the folders of deploy/ in which the filter is a WasmPlugin and a TrafficExtension.
var kinds = map[string]string{"WasmPlugin": "", "TrafficExtension": "trafficextension/"}

// inbound4222 are the chains of a sidecar for connections to its pod's port 4222.
func inbound4222(chain mesh.Chain) bool {
	return chain.Listener == "virtualInbound" && chain.Port == 4222
}

func start(t *testing.T, objects []shipped.Object) *mesh.Istiod {
	t.Helper()
	return mesh.Start(t, mesh.Options{Objects: objects, MeshConfig: meshConfig})
}

func startAmbient(t *testing.T, objects []shipped.Object) *mesh.Istiod {
	t.Helper()
	return mesh.Start(t, mesh.Options{Objects: objects, MeshConfig: meshConfig, Ambient: true})
}

func TestServersSidecarHasTheFilterBehindIstiosAuthorizationInEveryChainOf4222(t *testing.T) {
	type match struct {
		Transport string
		MutualTLS bool
		ALPN      bool
	}
	modes := map[string][]match{
		"STRICT":     {{Transport: "tls", MutualTLS: true}},
		"PERMISSIVE": {{Transport: "tls", MutualTLS: true, ALPN: true}, {Transport: "tls"}, {Transport: "raw_buffer"}},
		"DISABLE":    {{Transport: "raw_buffer"}},
	}
	for kind, folder := range kinds {
		for mode, want := range modes {
			t.Run(kind+" "+mode, func(t *testing.T) {
				objects := append(worlds.Cluster(t, folder+"sidecar"), shipped.Parse(t, allowShop)...)
				mtls := shipped.The(t, objects, "PeerAuthentication")
				objects = shipped.Replace(objects, shipped.With(t, mtls, "spec.mtls.mode", mode))
				var found []match
				for _, chain := range start(t, objects).View(t, worlds.NatsSidecar).Chains(t, inbound4222) {
					found = append(found, match{chain.Transport, chain.MutualTLS, len(chain.ALPN) > 0})
					const filters = "metadata_exchange > rbac DENY > rbac ALLOW > istio-nats > stats > tcp_proxy"
					if chain.Filters != filters {
						t.Errorf("%+v\ndoes not have %s", chain, filters)
					}
				}
				if !reflect.DeepEqual(found, want) {
					t.Errorf("the chains are %+v, not %+v", found, want)
				}
			})
		}
	}
}

func TestPhaseDecidesWhetherTheFilterStandsBeforeOrBehindIstiosAuthorization(t *testing.T) {
	const before = "metadata_exchange > istio-nats > rbac DENY > rbac ALLOW > stats > tcp_proxy"
	const behind = "metadata_exchange > rbac DENY > rbac ALLOW > istio-nats > stats > tcp_proxy"
	phases := map[string]string{"AUTHN": before, "AUTHZ": before, "STATS": behind, "": behind}
	for phase, want := range phases {
		t.Run("phase "+phase, func(t *testing.T) {
			objects := append(worlds.Cluster(t, "sidecar"), shipped.Parse(t, allowShop)...)
			plugin := shipped.The(t, objects, "WasmPlugin")
			objects = shipped.Replace(objects, shipped.With(t, plugin, "spec.phase", phase))
			if phase == "" {
				delete(shipped.The(t, objects, "WasmPlugin").Object["spec"].(map[string]any), "phase")
			}
			chains := start(t, objects).View(t, worlds.NatsSidecar).Chains(t, inbound4222)
			if len(chains) != 1 || chains[0].Filters != want {
				t.Errorf("%+v, not one chain with %s", chains, want)
			}
		})
	}
}

// Istio's rule for a url takes it, because with http:// before it it is one, and what makes the filter reads it without. Doctor
// relies on this (image-url-malformed).
func TestFilterIsMissingWhereItsUrlCannotBeRead(t *testing.T) {
	checks := validator(t)
	for kind, path := range map[string]string{"WasmPlugin": "spec.url", "TrafficExtension": "spec.wasm.url"} {
		for url, wanted := range map[string]bool{
			"10.0.0.1:5000/istio-nats":               false,
			"my_registry:5000/istio-nats":            false,
			"oci://registry test/istio-nats":         false,
			"oci://{registry}/istio-nats":            false,
			"oci://registry.example:port/istio-nats": false,
			"oci://10.0.0.1:5000/istio-nats":         true,
			"oci://my_registry:5000/istio-nats":      true,
			"oci://[fd00::1]:5000/istio-nats":        true,
			"registry.example/istio-nats:1":          true,
		} {
			t.Run(kind+" "+url, func(t *testing.T) {
				objects := worlds.Cluster(t, kinds[kind]+"sidecar")
				plugin := shipped.With(t, shipped.The(t, objects, kind), path, url)
				if err := checks.ValidateCustomResource(plugin); err != nil {
					t.Error(err)
				}
				chains := start(t, shipped.Replace(objects, plugin)).View(t, worlds.NatsSidecar).Chains(t, inbound4222)
				if len(chains) != 1 || strings.Contains(chains[0].Filters, "istio-nats") != wanted {
					t.Errorf("%+v, and the filter should be there: %v", chains, wanted)
				}
			})
		}
	}
}

func TestNoOtherPortOfTheServersSidecarHasTheFilter(t *testing.T) {
	view := start(t, worlds.Cluster(t, "sidecar")).View(t, worlds.NatsSidecar)
	for _, chain := range view.Chains(t, func(chain mesh.Chain) bool { return !inbound4222(chain) }) {
		if strings.Contains(chain.Filters, "istio-nats") {
			t.Errorf("%+v", chain)
		}
	}
}

func TestClientsSidecarHasTheFilterOnItsWayTo4222(t *testing.T) {
	for kind, folder := range kinds {
		t.Run(kind, func(t *testing.T) {
			view := start(t, worlds.Cluster(t, "broker", folder+"client")).View(t, worlds.OrdersSidecar)
			toNats := func(chain mesh.Chain) bool { return chain.Listener == "10.96.0.2_4222" }
			const filters = "istio-nats > stats > tcp_proxy"
			if chains := view.Chains(t, toNats); len(chains) != 1 || chains[0].Filters != filters {
				t.Errorf("%+v, not one chain with %s", chains, filters)
			}
			elsewhere := func(chain mesh.Chain) bool { return !strings.HasSuffix(chain.Listener, "_4222") }
			for _, chain := range view.Chains(t, elsewhere) {
				if strings.Contains(chain.Filters, "istio-nats") {
					t.Errorf("%+v", chain)
				}
			}
		})
	}
}

func TestEgressGatewayHasTheFilterBehindMutualTLS(t *testing.T) {
	for kind, folder := range kinds {
		t.Run(kind, func(t *testing.T) {
			view := start(t, worlds.Cluster(t, folder+"egress")).View(t, worlds.EgressGateway)
			chains := view.Chains(t, func(mesh.Chain) bool { return true })
			const filters = "metadata_exchange > istio-nats > stats > tcp_proxy"
			if len(chains) != 1 || chains[0].Filters != filters || !chains[0].MutualTLS {
				t.Errorf("%+v, not one chain with mutual TLS and %s", chains, filters)
			}
		})
	}
}

func TestClientsReachTheNatsOutsideOnlyThroughTheEgressGateway(t *testing.T) {
	istiod := start(t, worlds.Cluster(t, "egress"))
	clusters := func(node mesh.Node) []string {
		var found []string
		for _, chain := range istiod.View(t, node).Chains(t, func(chain mesh.Chain) bool { return chain.Listener == "0.0.0.0_4222" }) {
			found = append(found, chain.Cluster)
		}
		return found
	}
	const gateway = "outbound|4222|nats|istio-egressgateway.istio-egress.svc.cluster.local"
	if found := clusters(worlds.OrdersSidecar); !reflect.DeepEqual(found, []string{gateway}) {
		t.Errorf("a client's 4222 leads to %v, not to %s", found, gateway)
	}
	const outside = "outbound|4222||nats.example.com"
	if found := clusters(worlds.EgressGateway); !reflect.DeepEqual(found, []string{outside}) {
		t.Errorf("the gateway's 4222 leads to %v, not to %s", found, outside)
	}
}

func TestWaypointHasTheFilterOnTheWayToTheService(t *testing.T) {
	for kind, folder := range kinds {
		t.Run(kind, func(t *testing.T) {
			objects := worlds.Cluster(t, folder+"waypoint")
			istiod := startAmbient(t, objects)
			view := istiod.View(t, worlds.NatsWaypoint)
			const service = "inbound-vip|4222|tcp|nats.messaging.svc.cluster.local"
			chains := view.Chains(t, func(chain mesh.Chain) bool { return chain.Name == service })
			if len(chains) != 1 || !strings.HasSuffix(chains[0].Filters, "istio-nats > stats > tcp_proxy") {
				t.Errorf("%+v, not one chain with istio-nats", chains)
				t.Logf("%+v", view.Chains(t, func(mesh.Chain) bool { return true }))
			}
			for _, chain := range view.Chains(t, func(chain mesh.Chain) bool { return chain.Name != service }) {
				if strings.Contains(chain.Filters, "istio-nats") {
					t.Errorf("%+v", chain)
				}
			}
		})
	}
}
