package istio

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"istio.io/istio/pkg/config/mesh"
	"sigs.k8s.io/yaml"

	"istio-nats/test/istio/shipped"
)

// meshConfigIn is the part of the mesh's configuration that the comments of a manifest show, indented by three blanks.
func meshConfigIn(t testing.TB, text string) string {
	t.Helper()
	var shown strings.Builder
	for _, line := range strings.Split(text, "\n") {
		if indented, found := strings.CutPrefix(line, "#   "); found {
			shown.WriteString(indented + "\n")
		}
	}
	var installation map[string]any
	if err := yaml.Unmarshal([]byte(shown.String()), &installation); err != nil {
		t.Fatal(err)
	}
	config, err := yaml.Marshal(installation["meshConfig"])
	if err != nil {
		t.Fatal(err)
	}
	return string(config)
}

func TestTheAccessLogsTelemetryPassesIstiosChecksAndNamesProvidersOfTheMeshConfigShown(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(shipped.Folder, "telemetry.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	checks := validator(t)
	config, err := mesh.ApplyMeshConfigDefaults(meshConfigIn(t, string(text)))
	if err != nil {
		t.Fatalf("the mesh's configuration: %v", err)
	}
	providers := map[string]bool{}
	for _, provider := range config.ExtensionProviders {
		providers[provider.Name] = true
	}
	object := shipped.The(t, shipped.Parse(t, string(text)), "Telemetry")
	if err := checks.ValidateCustomResource(object); err != nil {
		t.Error(err)
	}
	if err := istiods(t, object); err != nil {
		t.Errorf("istiod: %v", err)
	}
	var telemetry struct {
		Spec struct {
			AccessLogging []struct{ Providers []struct{ Name string } }
		}
	}
	if err := yaml.Unmarshal([]byte(shipped.YAML(t, object)), &telemetry); err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, logging := range telemetry.Spec.AccessLogging {
		for _, provider := range logging.Providers {
			named++
			if !providers[provider.Name] {
				t.Errorf("the mesh's configuration shown has no provider %q", provider.Name)
			}
		}
	}
	if named == 0 {
		t.Error("no provider is named")
	}
}
