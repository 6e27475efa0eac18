package istio

import (
	"strings"
	"testing"

	"istio-nats/test/istio/mesh"
	"istio-nats/test/istio/worlds"
)

// onlyThroughWaypoint is what ztunnel must enforce: all rules of a group must match, and one match of a rule is enough.
const onlyThroughWaypoint = `
action: DENY
groups:
- rules:
  - matches:
    - destinationPorts:
      - 4222
  - matches:
    - notPrincipals:
      - exact: cluster.local/ns/messaging/sa/nats-waypoint
name: nats-only-through-waypoint
namespace: messaging
scope: WORKLOAD_SELECTOR
`

func TestInAmbientZtunnelLetsOnlyTheWaypointReach4222OfThePod(t *testing.T) {
	for kind, folder := range kinds {
		t.Run(kind, func(t *testing.T) {
			objects := worlds.Cluster(t, folder+"waypoint")
			istiod := startAmbient(t, objects)
			bound := istiod.OfZtunnel(t, "nats-0")
			if text := bound["messaging/nats-only-through-waypoint"]; text != strings.TrimPrefix(onlyThroughWaypoint, "\n") {
				t.Errorf("ztunnel gets\n%s", text)
			}
			for _, name := range []string{"messaging/nats-other-ports", "istio-system/istio_converted_static_strict"} {
				if bound[name] == "" {
					t.Errorf("%s is not bound to the pod", name)
				}
			}
		})
	}
}

func TestInAmbientWhoDialsAnotherPortOfTheServiceArrivesAsTheWaypointWhichZtunnelDenies(t *testing.T) {
	objects := worlds.Cluster(t, "waypoint")
	istiod := startAmbient(t, objects)
	view := istiod.View(t, worlds.NatsWaypoint)
	for _, port := range []string{"7422|tcp", "8222|http"} {
		name := "inbound-vip|" + port + "|nats.messaging.svc.cluster.local"
		if chains := view.Chains(t, func(chain mesh.Chain) bool { return chain.Name == name }); len(chains) != 1 {
			t.Errorf("%d chains %s", len(chains), name)
		}
	}
	policy := istiod.OfZtunnel(t, "nats-0")["messaging/nats-other-ports"]
	if !strings.Contains(policy, "sa/nats-leaf\n") || strings.Contains(policy, "sa/nats-waypoint\n") {
		t.Errorf("ztunnel gets\n%s", policy)
	}
}
