package istio

import (
	"fmt"
	"testing"

	"istio-nats/test/istio/identity"
	"istio-nats/test/istio/proxy"
	"istio-nats/test/istio/shipped"
	"istio-nats/test/istio/wait"
)

// refusalOf is nats.go's form of nats-server's text for a refused publish.
func refusalOf(subject string) string {
	return fmt.Sprintf("nats: permissions violation: Permissions Violation for Publish to %q", subject)
}

func TestClientBehindItsSidecarIsHeldToTheShippedPolicy(t *testing.T) {
	s := startStand(t, nil)
	_, address := s.ordersAPI(t)

	workers, err := s.as(t, "shop/workers")
	workers = mustConnect(t, workers, err)
	orders, err := workers.QueueSubscribeSync("orders.>", "workers")
	if err != nil {
		t.Fatal(err)
	}
	if err := workers.Flush(); err != nil {
		t.Fatal(err)
	}

	api, err := s.connect(address)
	api = mustConnect(t, api, err)
	if err := api.Publish("orders.eu.created", []byte("3 lemons")); err != nil {
		t.Fatal(err)
	}
	message, err := orders.NextMsg(wait.Patience)
	if err != nil || string(message.Data) != "3 lemons" {
		t.Fatalf("%v, %v", message, err)
	}

	if err := api.Publish("orders.admin.purge", nil); err != nil {
		t.Fatal(err)
	}
	if text, want := api.nextError(t), refusalOf("orders.admin.purge"); text != want {
		t.Errorf("%q, not %q", text, want)
	}

	principal := identity.Principal("shop", "orders-api")
	s.server.WaitForSum(t, "istio_nats_refusals_total", proxy.Labels{
		"source_principal": principal, "operation": "PUB", "reporter": "destination",
	}, 1)
	s.server.WaitForSum(t, "istio_nats_messages_total", proxy.Labels{
		"source_principal": principal, "operation": "PUB", "verdict": "allowed",
	}, 1)
}

func TestWorkloadWithoutARuleMayNotConnect(t *testing.T) {
	s := startStand(t, nil)
	_, err := s.as(t, "shop/storefront")
	if err == nil || err.Error() != "nats: Authorization Violation" {
		t.Errorf("%v", err)
	}
	s.server.WaitForSum(t, "istio_nats_connections_opened_total", proxy.Labels{
		"source_principal": identity.Principal("shop", "storefront"), "verdict": "refused",
	}, 1)
}

func TestClientsOwnSidecarRefusesBeforeAnythingReachesTheServers(t *testing.T) {
	s := startStand(t, func(s *stand, objects []shipped.Object) []shipped.Object {
		plugin := shipped.The(t, shipped.Render(t, "client"), "WasmPlugin")
		return append(objects, enforced(t, s, plugin))
	})
	sidecar, address := s.ordersAPI(t)
	api, err := s.connect(address)
	api = mustConnect(t, api, err)
	if !mayPublish(t, api, "orders.eu") || mayPublish(t, api, "orders.admin") {
		t.Error("the client's sidecar does not enforce the policy of deploy/client")
	}

	principal := identity.Principal("shop", "orders-api")
	refusals := proxy.Labels{"source_principal": principal, "reporter": "source"}
	sidecar.WaitForSum(t, "istio_nats_refusals_total", refusals, 1)
	s.server.WaitForSum(t, "istio_nats_messages_total", proxy.Labels{"source_principal": principal, "operation": "PUB"}, 1)
	if refused := s.server.Sum(t, "istio_nats_refusals_total", proxy.Labels{"source_principal": principal}); refused != 0 {
		t.Errorf("the server's sidecar has refused %v", refused)
	}
}
