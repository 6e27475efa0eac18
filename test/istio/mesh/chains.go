package mesh

import (
	"strings"
	"testing"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	rbac "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"
	tcp "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	network "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/wasm/v3"
	wasm "github.com/envoyproxy/go-control-plane/envoy/extensions/wasm/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/xds"
	v3 "istio.io/istio/pilot/pkg/xds/v3"
	istiomodel "istio.io/istio/pkg/model"

	"istio-nats/test/istio/wait"
)

// Node is a proxy as it introduces itself to istiod.
type Node struct {
	// ID is `sidecar~IP~NAME.NAMESPACE~NAMESPACE.svc.cluster.local`, or `router~…`, or `waypoint~…`.
	ID       string
	Metadata model.NodeMetadata
}

// Chain is one filter chain, as far as it matters here.
type Chain struct {
	Listener, Name string
	// Transport is what the chain matches: `tls`, `raw_buffer` or nothing.
	Transport string
	// MutualTLS is set if Envoy itself terminates TLS here and requires a certificate of the client.
	MutualTLS bool
	// ALPN limits the chain to these protocols.
	ALPN []string
	// Filters in order: `istio-nats` for ours, `rbac DENY`, and the others by the last part of their names.
	Filters string
	Port    uint32
	// Cluster is where tcp_proxy leads.
	Cluster string
}

// ask sends one request over ADS and acknowledges the answer. After a change of configuration istiod also pushes what was
// asked for earlier, so that listeners can arrive before the extensions that were asked for: those are passed over.
func ask(t *testing.T, ads *xds.AdsTest, typeURL string, names []string) *discovery.DiscoveryResponse {
	t.Helper()
	request := &discovery.DiscoveryRequest{TypeUrl: typeURL, ResourceNames: names}
	ads.Request(t, request)
	response := ads.ExpectResponse(t)
	for response.TypeUrl != typeURL {
		response = ads.ExpectResponse(t)
	}
	request.ResponseNonce, request.VersionInfo = response.Nonce, response.VersionInfo
	ads.Request(t, request)
	return response
}

// View is what istiod sends to one proxy.
type View struct {
	Listeners  []*listener.Listener
	Extensions map[string]*wasm.PluginConfig
}

// View connects as a proxy, over ADS, and asks for its listeners and for all extensions that these name.
func (i *Istiod) View(t *testing.T, node Node) View {
	t.Helper()
	return view(t, i.server.ConnectADS(), node)
}

// ViewOf is View for an istiod that listens at that address.
func ViewOf(t *testing.T, istiod string, node Node) View {
	t.Helper()
	connection, err := grpc.NewClient(istiod, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	return view(t, xds.NewAdsTest(t, connection), node)
}

func view(t *testing.T, ads *xds.AdsTest, node Node) View {
	t.Helper()
	ads = ads.WithID(node.ID).WithMetadata(node.Metadata).WithTimeout(wait.Patience)
	defer ads.Cleanup()
	found := View{Extensions: map[string]*wasm.PluginConfig{}}
	var names []string
	for _, resource := range ask(t, ads, v3.ListenerType, nil).Resources {
		one := &listener.Listener{}
		must(t, resource.UnmarshalTo(one))
		found.Listeners = append(found.Listeners, one)
		for _, chain := range chainsOf(one) {
			for _, filter := range chain.Filters {
				if filter.GetConfigDiscovery() != nil {
					names = append(names, filter.Name)
				}
			}
		}
	}
	if len(names) == 0 {
		return found
	}
	for _, resource := range ask(t, ads, v3.ExtensionConfigurationType, names).Resources {
		extension := &core.TypedExtensionConfig{}
		must(t, resource.UnmarshalTo(extension))
		if extension.TypedConfig.TypeUrl != istiomodel.WasmNetworkFilterType {
			t.Fatalf("%s is a %s", extension.Name, extension.TypedConfig.TypeUrl)
		}
		filter := &network.Wasm{}
		must(t, extension.TypedConfig.UnmarshalTo(filter))
		found.Extensions[extension.Name] = filter.Config
	}
	return found
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func chainsOf(one *listener.Listener) []*listener.FilterChain {
	chains := one.FilterChains
	if one.DefaultFilterChain != nil {
		chains = append(append([]*listener.FilterChain(nil), chains...), one.DefaultFilterChain)
	}
	return chains
}

// Chains are all filter chains of all listeners for which `wanted` is true.
func (v View) Chains(t testing.TB, wanted func(Chain) bool) []Chain {
	t.Helper()
	var found []Chain
	for _, one := range v.Listeners {
		for _, chain := range chainsOf(one) {
			described := Chain{
				Listener:  one.Name,
				Name:      chain.Name,
				Transport: chain.GetFilterChainMatch().GetTransportProtocol(),
				MutualTLS: chain.TransportSocket != nil,
				ALPN:      chain.GetFilterChainMatch().GetApplicationProtocols(),
				Filters:   describe(t, chain.Filters),
				Port:      chain.GetFilterChainMatch().GetDestinationPort().GetValue(),
				Cluster:   clusterOf(t, chain.Filters),
			}
			if wanted(described) {
				found = append(found, described)
			}
		}
	}
	return found
}

func describe(t testing.TB, filters []*listener.Filter) string {
	t.Helper()
	words := make([]string, len(filters))
	for i, filter := range filters {
		switch {
		case filter.GetConfigDiscovery() != nil:
			// extensions.istio.io/trafficextension/messaging.istio-nats~istio-translated-wasmplugin
			name := filter.Name[strings.LastIndex(filter.Name, ".")+1:]
			words[i], _, _ = strings.Cut(name, "~")
		case filter.Name == "envoy.filters.network.rbac":
			words[i] = "rbac " + actionOf(t, filter)
		default:
			words[i] = filter.Name[strings.LastIndex(filter.Name, ".")+1:]
		}
	}
	return strings.Join(words, " > ")
}

func clusterOf(t testing.TB, filters []*listener.Filter) string {
	t.Helper()
	for _, filter := range filters {
		if filter.Name == "envoy.filters.network.tcp_proxy" {
			config := &tcp.TcpProxy{}
			must(t, proto.Unmarshal(filter.GetTypedConfig().Value, config))
			return config.GetCluster()
		}
	}
	return ""
}

func actionOf(t testing.TB, filter *listener.Filter) string {
	t.Helper()
	config := &rbac.RBAC{}
	must(t, proto.Unmarshal(filter.GetTypedConfig().Value, config))
	if config.Rules == nil {
		return "shadow"
	}
	return config.Rules.Action.String()
}
