package istio

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"istio.io/istio/manifests"
	"istio.io/istio/pilot/pkg/config/kube/crd"
	crdvalidation "istio.io/istio/pkg/config/crd"
	"istio.io/istio/pkg/config/schema/collections"

	"istio-nats/test/istio/shipped"
)

// validator checks like kube-apiserver with Istio's CRDs: their schemas, unknown fields, and their CEL rules.
func validator(t testing.TB) *crdvalidation.Validator {
	t.Helper()
	crds, err := fs.ReadFile(manifests.FS, "charts/base/files/crd-all.gen.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "crds.yaml")
	if err := os.WriteFile(file, crds, 0o600); err != nil {
		t.Fatal(err)
	}
	checks, err := crdvalidation.NewValidatorFromFiles(file)
	if err != nil {
		t.Fatal(err)
	}
	return checks
}

// istiods is the verdict of istiod's admission webhook, whose warnings count as faults too.
func istiods(t testing.TB, object shipped.Object) error {
	t.Helper()
	configs, others, err := crd.ParseInputs(shipped.YAML(t, object))
	if err != nil {
		return err
	}
	if len(configs) != 1 || len(others) != 0 {
		t.Fatalf("istiod does not know %s %s", object.GetAPIVersion(), object.GetKind())
	}
	schema, known := collections.Pilot.FindByGroupVersionAliasesKind(configs[0].GroupVersionKind)
	if !known {
		t.Fatalf("istiod does not know %v", configs[0].GroupVersionKind)
	}
	warning, err := schema.ValidateConfig(configs[0])
	if err != nil {
		return err
	}
	return warning
}

func isIstios(object shipped.Object) bool {
	group, _, _ := strings.Cut(object.GetAPIVersion(), "/")
	return strings.HasSuffix(group, ".istio.io")
}

func TestEveryManifestPassesIstiosSchemasRulesAndValidation(t *testing.T) {
	checks := validator(t)
	for _, form := range shipped.Forms(t) {
		t.Run(form, func(t *testing.T) {
			count := 0
			for _, object := range shipped.Render(t, form) {
				if !isIstios(object) {
					continue
				}
				count++
				if err := checks.ValidateCustomResource(object); err != nil {
					t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
				}
				if err := istiods(t, object); err != nil {
					t.Errorf("%s %s: istiod: %v", object.GetKind(), object.GetName(), err)
				}
			}
			if count == 0 {
				t.Error("no object of Istio's is in it")
			}
		})
	}
}

// The checks must be able to fail, each in its own way.
func TestValidationFindsTheMistakesThatPeopleMake(t *testing.T) {
	checks := validator(t)
	plugin := shipped.The(t, shipped.Render(t, "sidecar"), "WasmPlugin")
	extension := shipped.The(t, shipped.Render(t, "trafficextension/sidecar"), "TrafficExtension")
	port := []any{map[string]any{"mode": "SERVER", "ports": []any{map[string]any{"number": int64(70000)}}}}
	for name, object := range map[string]shipped.Object{
		"Envoy's word FAIL_CLOSED":                shipped.With(t, plugin, "spec.failStrategy", "FAIL_CLOSED"),
		"type TCP":                                shipped.With(t, plugin, "spec.type", "TCP"),
		"a port beyond 65535":                     shipped.With(t, plugin, "spec.match", port),
		"TrafficExtension's phase in WasmPlugin":  shipped.With(t, plugin, "spec.phase", "UNSPECIFIED"),
		"WasmPlugin's phase in TrafficExtension":  shipped.With(t, extension, "spec.phase", "UNSPECIFIED_PHASE"),
		"a url of another scheme":                 shipped.With(t, plugin, "spec.url", "ftp://registry.example/istio-nats"),
		"a port without a scheme":                 shipped.With(t, plugin, "spec.url", "registry.example:5000/istio-nats"),
		"WasmPlugin's spec in a TrafficExtension": shipped.With(t, extension, "spec", plugin.Object["spec"]),
	} {
		if checks.ValidateCustomResource(object) == nil && istiods(t, object) == nil {
			t.Errorf("%s passes", name)
		}
	}
}
