package istio

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"istio.io/istio/pkg/wasm"

	"istio-nats/test/istio/broker"
	"istio-nats/test/istio/identity"
	"istio-nats/test/istio/image"
	"istio-nats/test/istio/mesh"
	"istio-nats/test/istio/proxy"
	"istio-nats/test/istio/shipped"
	"istio-nats/test/istio/wait"
	"istio-nats/test/istio/worlds"
)

// stand is a mesh of two pods: nats-server behind its sidecar, with what deploy/nats ships, and orders-api behind its
// own sidecar.
type stand struct {
	istiod       *mesh.Istiod
	authority    *identity.Authority
	registry     image.Registry
	surroundings proxy.Surroundings
	server       *proxy.Proxy
	plugin       shipped.Object
	// annotations are those of nats-server's pods, which name the labels of the filter's stats.
	annotations map[string]string
	natsIP      string
	ordersIP    string
}

// address gives each process that runs these tests its own addresses in the loopback net. Port 4222 must be free on
// them, and a nats-server on all addresses (0.0.0.0) takes it.
func address(host int) string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 64+(pid>>8)&63, pid&255, host)
}

// mustBeFree fails the test if a sidecar could not listen.
func mustBeFree(t testing.TB, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("%v: does a nats-server listen on all addresses? The sidecars of these tests need port 4222 of their own", err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
}

// command is a program that tools/istio.ts names.
func command(t testing.TB, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Fatalf("$%s is not set: run npm run test:istio", variable)
	}
	return path
}

// startStand starts everything except the sidecar of orders-api. `edit` may change what deploy/ ships before it is
// applied.
func startStand(t *testing.T, edit func(s *stand, objects []shipped.Object) []shipped.Object) *stand {
	t.Helper()
	s := &stand{
		authority: identity.New(t),
		registry:  image.Serve(t),
		natsIP:    address(2),
		ordersIP:  address(3),
	}
	mustBeFree(t, s.natsIP+":4222")
	mustBeFree(t, s.ordersIP+":4222")
	ports := broker.Start(t, command(t, "NATS_SERVER"))
	objects := shipped.ParseFile(t, "worlds/loopback.yaml", map[string]string{
		"NATS": s.natsIP, "NATS_CLIENT": ports.Client, "NATS_CLUSTER": ports.Cluster, "NATS_LEAFNODES": ports.Leafnodes,
		"ORDERS_API": s.ordersIP,
	})
	for _, object := range shipped.Render(t, "nats") {
		switch object.GetKind() {
		case "StatefulSet":
			s.annotations = podAnnotations(t, object)
		case "WasmPlugin":
			object = enforced(t, s, object)
			s.plugin = object
		}
		objects = shipped.Replace(objects, worlds.Admitted(t, object))
	}
	if edit != nil {
		objects = edit(s, objects)
	}
	s.istiod = mesh.Start(t, mesh.Options{Objects: objects, Upstream: true})
	cache := wasm.NewLocalFileCache(t.TempDir(), wasm.Options{})
	t.Cleanup(cache.Cleanup)
	s.surroundings = proxy.Surroundings{
		Istiod:    s.istiod.Address(),
		Authority: s.authority,
		Wasm:      cache,
		Envoy:     command(t, "ENVOY"),
		Template:  command(t, "ISTIO_BOOTSTRAP"),
	}
	s.server = proxy.Start(t, s.surroundings, proxy.Workload{
		Name: "nats-0", Namespace: "messaging", ServiceAccount: "nats", IP: s.natsIP,
		Labels:      map[string]string{"app.kubernetes.io/name": "nats", "security.istio.io/tlsMode": "istio"},
		Annotations: s.annotations,
	})
	return s
}

// enforced is a shipped plugin with the changes that an operator makes before it is enforced: the image's name, and
// ENFORCE instead of DRY_RUN.
func enforced(t testing.TB, s *stand, plugin shipped.Object) shipped.Object {
	t.Helper()
	plugin = shipped.With(t, plugin, "spec.url", s.registry.URL())
	return shipped.With(t, plugin, "spec.pluginConfig.mode", "ENFORCE")
}

func podAnnotations(t testing.TB, statefulSet shipped.Object) map[string]string {
	t.Helper()
	annotations := map[string]string{}
	template := statefulSet.Object["spec"].(map[string]any)["template"].(map[string]any)
	for name, value := range template["metadata"].(map[string]any)["annotations"].(map[string]any) {
		annotations[name] = value.(string)
	}
	return annotations
}

// client is a connection of nats.go, with the errors that nats-server or the filter reported to it.
type client struct {
	*nats.Conn
	errors chan string
}

// nextError waits for the next asynchronous error's text.
func (c client) nextError(t testing.TB) string {
	t.Helper()
	select {
	case text := <-c.errors:
		return text
	case <-time.After(wait.Patience):
		t.Fatalf("no error within %v", wait.Patience)
		return ""
	}
}

func (s *stand) connect(address string, options ...nats.Option) (client, error) {
	errors := make(chan string, 100)
	options = append(options,
		nats.NoReconnect(),
		nats.Timeout(wait.Patience),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { errors <- err.Error() }),
	)
	connection, err := nats.Connect("nats://"+address, options...)
	return client{connection, errors}, err
}

// mustConnect is connect for clients that must be admitted. They are closed when the test ends.
func mustConnect(t testing.TB, one client, err error) client {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(one.Close)
	return one
}

// ordersAPI starts the sidecar of orders-api, and returns the address at which its application reaches NATS.
func (s *stand) ordersAPI(t *testing.T) (*proxy.Proxy, string) {
	t.Helper()
	sidecar := proxy.Start(t, s.surroundings, proxy.Workload{
		Name: "orders-api-0", Namespace: "shop", ServiceAccount: "orders-api", IP: s.ordersIP,
		Labels:      map[string]string{"app.kubernetes.io/name": "orders-api", "security.istio.io/tlsMode": "istio"},
		Annotations: s.annotations,
	})
	return sidecar, s.ordersIP + ":4222"
}

// dialer opens connections like the sidecar of that principal: TLS with its certificate, and NATS inside.
type dialer struct {
	config *tls.Config
}

// Dial implements nats.CustomDialer.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	return tls.Dial(network, address, d.config)
}

// as connects straight to nats-server's sidecar with the certificate of that service account (`shop/workers`).
func (s *stand) as(t testing.TB, serviceAccount string) (client, error) {
	t.Helper()
	namespace, account, _ := strings.Cut(serviceAccount, "/")
	config := s.authority.ClientTLS(t, identity.Principal(namespace, account))
	return s.connect(s.natsIP+":4222", nats.SetCustomDialer(dialer{config}))
}

// waitUntilConnects waits until that service account may connect, and returns its connection.
func (s *stand) waitUntilConnects(t testing.TB, serviceAccount string) client {
	t.Helper()
	var one client
	var err error
	wait.Until(func() bool { one, err = s.as(t, serviceAccount); return err == nil })
	return mustConnect(t, one, err)
}
