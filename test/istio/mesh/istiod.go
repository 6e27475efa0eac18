// Package mesh runs Istio's own configuration code: pilot's discovery server with its controllers and xDS generators.
package mesh

import (
	"net"
	"testing"

	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pilot/pkg/features"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/test"

	"istio-nats/test/istio/shipped"
)

// Options of an istiod.
type Options struct {
	// Objects are Kubernetes' and Istio's, as `kubectl get` would show them.
	Objects []shipped.Object
	// MeshConfig in YAML, which overrides Istio's defaults.
	MeshConfig string
	// Upstream is for Envoys of the plain build: no istio.metadata_exchange, which only Istio's proxy has, and a TCP
	// port.
	Upstream bool
	// Ambient turns ambient mode on, which waypoints need.
	Ambient bool
}

// Istiod is Istio's discovery server in this process.
type Istiod struct {
	server *xds.FakeDiscoveryServer
}

// Start runs an istiod until the test ends. Istio's switches are variables of the process, so there can be only one
// istiod at a time.
func Start(t *testing.T, options Options) *Istiod {
	t.Helper()
	test.SetForTest(t, &features.MetadataExchange, !options.Upstream)
	test.SetForTest(t, &features.EnableAmbient, options.Ambient)
	test.SetForTest(t, &features.EnableAmbientWaypoints, options.Ambient)
	meshConfig, err := mesh.ApplyMeshConfigDefaults(options.MeshConfig)
	if err != nil {
		t.Fatal(err)
	}
	text := shipped.YAML(t, options.Objects...)
	fake := xds.FakeOptions{
		// Istio's objects go into its store. Ambient's controllers read theirs from Kubernetes.
		Configs:                parse(t, text),
		KubernetesObjectString: text,
		MeshConfig:             meshConfig,
	}
	if options.Upstream {
		fake.ListenerBuilder = func() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }
	}
	return &Istiod{server: xds.NewFakeDiscoveryServer(t, fake)}
}

// Address is the TCP address of the xDS server. It exists only with Upstream.
func (i *Istiod) Address() string {
	return i.server.Listener.Addr().String()
}

func parse(t testing.TB, text string) []config.Config {
	t.Helper()
	configs, _, err := crd.ParseInputs(text)
	if err != nil {
		t.Fatal(err)
	}
	return configs
}

// Apply does what `kubectl apply` does: it creates an Istio object or replaces the old one.
func (i *Istiod) Apply(t testing.TB, object shipped.Object) {
	t.Helper()
	for _, wanted := range parse(t, shipped.YAML(t, object)) {
		store := i.server.Store()
		old := store.Get(wanted.GroupVersionKind, wanted.Name, wanted.Namespace)
		var err error
		if old == nil {
			_, err = store.Create(wanted)
		} else {
			wanted.ResourceVersion = old.ResourceVersion
			wanted.CreationTimestamp = old.CreationTimestamp
			_, err = store.Update(wanted)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
