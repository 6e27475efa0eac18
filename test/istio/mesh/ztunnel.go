package mesh

import (
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"sigs.k8s.io/yaml"

	"istio.io/istio/pkg/workloadapi/security"
)

// OfZtunnel is what istiod sends to ztunnel about the pod of that name: the authorizations bound to it, by name, each
// in YAML. It works only with Ambient.
func (i *Istiod) OfZtunnel(t testing.TB, pod string) map[string]string {
	t.Helper()
	known := map[string]*security.Authorization{}
	for _, policy := range i.server.AmbientIndex.Policies(nil) {
		known[policy.Authorization.Namespace+"/"+policy.Authorization.Name] = policy.Authorization
	}
	bound := map[string]string{}
	for _, address := range i.server.AmbientIndex.All() {
		workload := address.GetWorkload()
		if workload.GetName() != pod {
			continue
		}
		for _, name := range workload.AuthorizationPolicies {
			json, err := protojson.Marshal(known[name])
			must(t, err)
			text, err := yaml.JSONToYAML(json)
			must(t, err)
			bound[name] = string(text)
		}
	}
	return bound
}
