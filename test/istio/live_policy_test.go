package istio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"istio-nats/test/istio/proxy"
	"istio-nats/test/istio/shipped"
	"istio-nats/test/istio/wait"
)

// inForce is how long a change that Envoy has taken may need to reach every connection.
const inForce = 2 * time.Second

// apply applies the plugin, and waits until Envoy's main thread has taken it. How long istiod needs for that is no
// matter of the filter.
func (s *stand) apply(t testing.TB, plugin shipped.Object, isTaken func(config string) bool) {
	t.Helper()
	s.istiod.Apply(t, plugin)
	if !wait.Until(func() bool { return isTaken(s.server.Admin(t, "/config_dump?resource=ecds_filters")) }) {
		t.Fatalf("Envoy has not taken the policy after %v", wait.Patience)
	}
}

// withOrders returns the shipped plugin with another list of subjects that orders-api, its first rule, may publish to.
func withOrders(t testing.TB, plugin shipped.Object, subjects ...any) shipped.Object {
	t.Helper()
	edited := plugin.DeepCopy()
	rules := edited.Object["spec"].(map[string]any)["pluginConfig"].(map[string]any)["rules"].([]any)
	rule := rules[0].(map[string]any)
	if rule["name"] != "orders-api" {
		t.Fatalf("the first rule is %v", rule["name"])
	}
	rule["publish"].(map[string]any)["allow"] = subjects
	return edited
}

var published int

// mayPublish says whether a publish below that prefix passes. Each publish has a subject of its own, which identifies
// its refusal.
func mayPublish(t testing.TB, one client, prefix string) bool {
	t.Helper()
	published++
	subject := fmt.Sprintf("%s.%d", prefix, published)
	if err := one.Publish(subject, nil); err != nil {
		t.Fatal(err)
	}
	if err := one.Flush(); err != nil {
		t.Fatal(err)
	}
	err := one.LastError()
	if err == nil || !strings.Contains(err.Error(), subject) {
		return true
	}
	if want := refusalOf(subject); err.Error() != want {
		t.Fatalf("%q, not %q", err, want)
	}
	return false
}

// waitUntil waits, for at most that time, until a publish below that prefix passes or does not pass, as wanted, and
// says whether that happened.
func waitUntil(t testing.TB, one client, prefix string, passes bool, limit time.Duration) bool {
	t.Helper()
	return wait.UntilWithin(limit, func() bool { return mayPublish(t, one, prefix) == passes })
}

func TestAppliedPolicyIsInForceForNewConnections(t *testing.T) {
	s := startStand(t, nil)
	_, address := s.ordersAPI(t)
	before, err := s.connect(address)
	before = mustConnect(t, before, err)
	if !mayPublish(t, before, "orders.eu") {
		t.Fatal("the shipped policy refuses orders")
	}

	s.istiod.Apply(t, withOrders(t, s.plugin, "invoices.>"))
	isInForce := wait.Until(func() bool {
		after, err := s.connect(address)
		after = mustConnect(t, after, err)
		return !mayPublish(t, after, "orders.eu") && mayPublish(t, after, "invoices.eu")
	})
	if !isInForce {
		t.Fatal("new connections are still judged by the old policy")
	}
}

func TestAppliedPolicyReachesAConnectionThatIsOpen(t *testing.T) {
	s := startStand(t, nil)
	_, address := s.ordersAPI(t)
	open, err := s.connect(address)
	open = mustConnect(t, open, err)
	if !mayPublish(t, open, "orders.eu") {
		t.Fatal("the shipped policy refuses orders")
	}

	hasInvoices := func(config string) bool { return strings.Contains(config, "invoices.") }
	s.apply(t, withOrders(t, s.plugin, "invoices.>"), hasInvoices)
	if !waitUntil(t, open, "orders.eu", false, inForce) {
		t.Fatalf("an open connection may still publish what the policy no longer allows, after %s", inForce)
	}
	if !mayPublish(t, open, "invoices.eu") {
		t.Error("an open connection lacks a right that it has gained")
	}

	// And back: the worker may have kept the first policy's root context, which is not configured again.
	s.apply(t, s.plugin, func(config string) bool { return !hasInvoices(config) })
	if !waitUntil(t, open, "invoices.eu", false, inForce) {
		t.Fatalf("the first policy is not in force again after %s", inForce)
	}
	if !mayPublish(t, open, "orders.eu") {
		t.Error("the first policy is in force again, but only its refusals")
	}
}

func TestRefusedPolicyLeavesTheOldOneInForce(t *testing.T) {
	s := startStand(t, nil)
	_, address := s.ordersAPI(t)
	open, err := s.connect(address)
	open = mustConnect(t, open, err)

	s.istiod.Apply(t, withOrders(t, s.plugin, "orders.>.x"))
	const fault = `rules[0].publish.allow[0]`
	waitForLog(t, s.server, fault)
	after, err := s.connect(address)
	after = mustConnect(t, after, err)
	for _, one := range []client{open, after} {
		if !mayPublish(t, one, "orders.eu") || mayPublish(t, one, "invoices.eu") {
			t.Error("the policy that was in force is not any more")
		}
	}
}

// fingerprintOf returns what `istio-nats check` calls the policy of this object.
func fingerprintOf(t testing.TB, plugin shipped.Object) string {
	t.Helper()
	manifest, err := plugin.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	check := exec.Command(command(t, "ISTIO_NATS_COMMAND"), "check", "--output", "json", "-")
	check.Stdin = bytes.NewReader(manifest)
	output, err := check.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	var report struct {
		Policies []struct{ Fingerprint string }
	}
	if err := json.Unmarshal(output, &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Policies) != 1 {
		t.Fatalf("%s", output)
	}
	return report.Policies[0].Fingerprint
}

func TestCheckCallsAPolicyWhatTheProxyCallsItOnceItIsInForce(t *testing.T) {
	s := startStand(t, nil)
	// What Go's JSON escapes, what it does not, and a number.
	edited := withOrders(t, s.plugin, "orders.>", "a<b>&c", "é.\u2028.\"\\.😀")
	edited = shipped.With(t, edited, "spec.pluginConfig.limits", map[string]any{"memory": int64(20_000_000)})
	for _, plugin := range []shipped.Object{s.plugin, edited} {
		s.istiod.Apply(t, plugin)
		policy := proxy.Labels{"policy": fingerprintOf(t, plugin)}
		s.server.WaitForSum(t, "istio_nats_policy_info", policy, 1)
	}
}
