package istio

import (
	"path/filepath"
	"strings"
	"testing"

	"istio-nats/test/istio/identity"
	"istio-nats/test/istio/proxy"
	"istio-nats/test/istio/shipped"
	"istio-nats/test/istio/wait"
)

// denyWorkers is one of Istio's own AuthorizationPolicies, on the client port.
const denyWorkers = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny-workers, namespace: messaging}
spec:
  selector: {matchLabels: {app.kubernetes.io/name: nats}}
  action: DENY
  rules:
  - from: [{source: {principals: [cluster.local/ns/shop/sa/workers]}}]
    to: [{operation: {ports: ["4222"]}}]
`

// startWithDeny starts a stand in which Istio denies shop/workers, whom the filter's policy admits.
func startWithDeny(t *testing.T, phase string) *stand {
	t.Helper()
	return startStand(t, func(s *stand, objects []shipped.Object) []shipped.Object {
		s.plugin = shipped.With(t, s.plugin, "spec.phase", phase)
		return append(shipped.Replace(objects, s.plugin), shipped.Parse(t, denyWorkers)...)
	})
}

// judged is how many connections of shop/workers the filter has admitted.
func judged(t testing.TB, s *stand) float64 {
	t.Helper()
	return s.server.Sum(t, "istio_nats_connections_opened_total", proxy.Labels{
		"source_principal": identity.Principal("shop", "workers"), "verdict": "allowed",
	})
}

// deniedByIstio is the sum of Istio's RBAC filters with that stat prefix.
func deniedByIstio(t testing.TB, s *stand, prefix string) uint64 {
	t.Helper()
	return s.server.Raw(t, prefix+"rbac.denied")
}

func connectIsCutOff(t testing.TB, s *stand, serviceAccount string) {
	t.Helper()
	one, err := s.as(t, serviceAccount)
	if err == nil {
		one.Close()
		t.Fatal("may connect")
	}
	if strings.Contains(err.Error(), "Authorization") {
		t.Errorf("%v is a text of NATS, not of Istio, which just closes", err)
	}
}

func TestBehindIstiosAuthorizationTheFilterNeverSeesWhomIstioDenies(t *testing.T) {
	s := startWithDeny(t, "STATS")
	connectIsCutOff(t, s, "shop/workers")
	if denied := deniedByIstio(t, s, "tcp."); denied != 1 {
		t.Errorf("Istio has denied %d connections", denied)
	}
	// A client that both admit, so that the filter has had its tick when its counts are read.
	api, err := s.as(t, "shop/orders-api")
	mustConnect(t, api, err)
	s.server.WaitForSum(t, "istio_nats_connections_opened_total", proxy.Labels{
		"source_principal": identity.Principal("shop", "orders-api"), "verdict": "allowed",
	}, 1)
	if count := judged(t, s); count != 0 {
		t.Errorf("the filter has judged %v connections that Istio denies", count)
	}
}

func TestBeforeIstiosAuthorizationTheFilterJudgesFirstAndIstioStillDenies(t *testing.T) {
	s := startWithDeny(t, "AUTHZ")
	connectIsCutOff(t, s, "shop/workers")
	s.server.WaitForSum(t, "istio_nats_connections_opened_total", proxy.Labels{
		"source_principal": identity.Principal("shop", "workers"), "verdict": "allowed",
	}, 1)
	if denied := deniedByIstio(t, s, "tcp."); denied != 1 {
		t.Errorf("Istio has denied %d connections", denied)
	}
}

// allowNothing is what Istio's documentation starts a zero-trust namespace with.
const allowNothing = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow-nothing, namespace: messaging}
spec: {}
`

// accessLog is the access log of Istio's own provider.
const accessLog = `
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: access-log, namespace: messaging}
spec: {accessLogging: [{providers: [{name: envoy}]}]}
`

func TestWhereTheNamespaceAllowsNothingClientsAreCutOffUntilAllowClientsIsApplied(t *testing.T) {
	allow := shipped.The(t, shipped.ParseFile(t, filepath.Join(shipped.Folder, "allow-clients.yaml"), nil), "AuthorizationPolicy")
	if err := validator(t).ValidateCustomResource(allow); err != nil {
		t.Error(err)
	}
	s := startStand(t, func(_ *stand, objects []shipped.Object) []shipped.Object {
		return append(append(objects, shipped.Parse(t, allowNothing)...), shipped.Parse(t, accessLog)...)
	})
	connectIsCutOff(t, s, "shop/orders-api")
	if denied := deniedByIstio(t, s, "tcp."); denied != 1 {
		t.Errorf("Istio has denied %d connections", denied)
	}

	waitForLog(t, s.server, "rbac_access_denied_matched_policy[none]")

	s.istiod.Apply(t, allow)
	s.waitUntilConnects(t, "shop/orders-api")
	opened := proxy.Labels{"source_principal": identity.Principal("shop", "orders-api")}
	s.server.WaitForSum(t, "istio_nats_connections_opened_total", opened, 1)
	if count := s.server.Sum(t, "istio_nats_connections_opened_total", opened); count != 1 {
		t.Errorf("the filter has counted %v connections, including those that Istio denies", count)
	}
	if _, err := s.as(t, "shop/storefront"); err == nil || err.Error() != "nats: Authorization Violation" {
		t.Errorf("a client that no rule admits: %v", err)
	}
	if err := s.speak(t, "messaging/nats", routes); err != nil {
		t.Errorf("the broker's own account does not speak to routes: %v", err)
	}
	if err := s.speak(t, "shop/orders-api", routes); err == nil {
		t.Error("a client speaks to routes")
	}
}

func TestWhatAPolicyOfIstioSaysOfHTTPCutsOffTheClientsOfATCPPort(t *testing.T) {
	for spec, counts := range map[string]bool{
		`action: DENY, rules: [{from: [{source: {notRequestPrincipals: ["*"]}}]}]`:              true,
		`action: DENY, rules: [{when: [{key: "request.headers[x]", values: ["y"]}]}]`:           true,
		`action: ALLOW, rules: [{to: [{operation: {ports: ["4222"], methods: ["GET"]}}]}]`:      true,
		`action: DENY, rules: [{to: [{operation: {ports: ["8222"], notPaths: ["/healthz"]}}]}]`: false,
	} {
		t.Run(spec, func(t *testing.T) {
			s := startStand(t, func(_ *stand, objects []shipped.Object) []shipped.Object {
				const policy = "{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: http, namespace: messaging}, spec: {"
				return append(objects, shipped.Parse(t, policy+spec+"}}")...)
			})
			if counts {
				connectIsCutOff(t, s, "shop/orders-api")
				return
			}
			api, err := s.as(t, "shop/orders-api")
			mustConnect(t, api, err)
		})
	}
}

// waitForLog waits until the proxy's log contains that text, because Envoy writes its access log with a delay.
func waitForLog(t testing.TB, of *proxy.Proxy, text string) {
	t.Helper()
	if !wait.Until(func() bool { return strings.Contains(of.Log(), text) }) {
		t.Fatalf("the log of %s has no %q after %v", of.Workload.Name, text, wait.Patience)
	}
}
