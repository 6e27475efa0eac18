package istio

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	extension "github.com/envoyproxy/go-control-plane/envoy/extensions/wasm/v3"

	"istio-nats/test/istio/identity"
	"istio-nats/test/istio/proxy"
	"istio-nats/test/istio/shipped"
	"istio-nats/test/istio/worlds"
)

// startWith starts a stand whose plugin has another failStrategy and, through `edit`, a fault.
func startWith(t *testing.T, strategy string, edit func(s *stand, plugin shipped.Object) shipped.Object) *stand {
	t.Helper()
	return startStand(t, func(s *stand, objects []shipped.Object) []shipped.Object {
		s.plugin = edit(s, shipped.With(t, s.plugin, "spec.failStrategy", strategy))
		return shipped.Replace(objects, s.plugin)
	})
}

func withoutModule(t *testing.T, strategy string) *stand {
	t.Helper()
	return startWith(t, strategy, func(s *stand, plugin shipped.Object) shipped.Object {
		return shipped.With(t, plugin, "spec.url", s.registry.Missing())
	})
}

// standIn is the metric by which deploy/alerts recognises Istio's stand-in for a missing module.
func standIn(t testing.TB) (name string, labels proxy.Labels) {
	t.Helper()
	rules, err := os.ReadFile(filepath.Join(shipped.Folder, "alerts", "istio-nats.rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	selector := regexp.MustCompile(`(envoy_wasm_default_deny\w*)\{(\w+)="(\w+)"\}`).FindStringSubmatch(string(rules))
	if selector == nil {
		t.Fatal("no alert looks at a metric envoy_wasm_default_deny…{label=\"value\"}")
	}
	return selector[1], proxy.Labels{selector[2]: selector[3]}
}

func TestIstioDeniesEverybodyWhileTheModuleCannotBeFetchedAndTheAlertSeesIt(t *testing.T) {
	for _, strategy := range []string{"FAIL_CLOSE", "FAIL_RELOAD"} {
		t.Run(strategy, func(t *testing.T) {
			s := withoutModule(t, strategy)
			metric, labels := standIn(t)
			if already := s.server.Sum(t, metric, labels); already != 0 {
				t.Fatalf("%s%v is %v before anybody came", metric, labels, already)
			}
			connectIsCutOff(t, s, "shop/workers")
			s.server.WaitForSum(t, metric, labels, 1)
			if dump := s.server.Admin(t, "/config_dump"); !strings.Contains(dump, `"wasm-default-deny"`) {
				t.Error("the proxy's configuration does not name wasm-default-deny")
			}
		})
	}
}

func TestFailOpenLetsEverybodyDoEverythingWhileTheModuleCannotBeFetched(t *testing.T) {
	s := withoutModule(t, "FAIL_OPEN")
	stranger, err := s.as(t, "shop/storefront")
	mustConnect(t, stranger, err)
	if dump := s.server.Admin(t, "/config_dump"); !strings.Contains(dump, `"wasm-default-allow"`) {
		t.Error("the proxy's configuration does not name wasm-default-allow")
	}
	metric, labels := standIn(t)
	if denied := s.server.Sum(t, metric, labels); denied != 0 {
		t.Errorf("%s%v is %v", metric, labels, denied)
	}
}

// Envoy's main thread tries the configuration first and rejects the whole update. So the listener waits for one that is
// right, and closes connections meanwhile. failStrategy is about what happens later.
func TestFirstPolicyWithAFaultClosesEveryConnectionWhateverTheFailStrategy(t *testing.T) {
	for _, strategy := range []string{"FAIL_CLOSE", "FAIL_RELOAD", "FAIL_OPEN"} {
		t.Run(strategy, func(t *testing.T) {
			s := startWith(t, strategy, func(_ *stand, plugin shipped.Object) shipped.Object {
				return shipped.With(t, plugin, "spec.pluginConfig.trustDomains", []any{})
			})
			connectIsCutOff(t, s, "shop/workers")
			if log := s.server.Log(); !strings.Contains(log, "trustDomains: is empty") {
				t.Errorf("the proxy's log does not name the fault:\n%s", log)
			}

			s.istiod.Apply(t, shipped.With(t, s.plugin, "spec.pluginConfig.trustDomains", []any{identity.TrustDomain}))
			s.waitUntilConnects(t, "shop/workers")
		})
	}
}

func TestEveryFailStrategyReachesEnvoy(t *testing.T) {
	for strategy, policy := range map[string]extension.FailurePolicy{
		"FAIL_CLOSE":  extension.FailurePolicy_FAIL_CLOSED,
		"FAIL_RELOAD": extension.FailurePolicy_FAIL_RELOAD,
		"FAIL_OPEN":   extension.FailurePolicy_FAIL_OPEN,
	} {
		t.Run(strategy, func(t *testing.T) {
			for kind, folder := range kinds {
				objects := worlds.Cluster(t, folder+"sidecar")
				plugin := shipped.WithWasm(t, shipped.The(t, objects, kind), "failStrategy", strategy)
				view := start(t, shipped.Replace(objects, plugin)).View(t, worlds.NatsSidecar)
				for name, config := range view.Extensions {
					if config.FailurePolicy != policy {
						t.Errorf("%s has %s", name, config.FailurePolicy)
					}
				}
				if len(view.Extensions) != 1 {
					t.Errorf("%d extensions come of one %s", len(view.Extensions), kind)
				}
			}
		})
	}
}
