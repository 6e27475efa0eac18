// Package shipped renders the manifests of deploy/ as `kubectl apply -k` would send them.
package shipped

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// Folder is deploy/ relative to test/istio, where the tests run.
const Folder = "../../deploy"

// Object is one Kubernetes object, whatever its kind.
type Object = *unstructured.Unstructured

// Forms names every kustomization of deploy/ that can be applied by itself, relative to deploy/. A Component cannot.
func Forms(t testing.TB) []string {
	t.Helper()
	var forms []string
	err := filepath.WalkDir(Folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.Name() != "kustomization.yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var kustomization struct{ Kind string }
		if err := yaml.Unmarshal(text, &kustomization); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if kustomization.Kind == "Component" {
			return nil
		}
		form, err := filepath.Rel(Folder, filepath.Dir(path))
		forms = append(forms, form)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(forms) == 0 {
		t.Fatalf("%s holds no kustomization.yaml", Folder)
	}
	return forms
}

// Render returns the objects of one form (`sidecar`, `trafficextension/waypoint`). Each is the caller's own copy.
func Render(t testing.TB, form string) []Object {
	t.Helper()
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(Folder, form))
	if err != nil {
		t.Fatalf("deploy/%s: %v", form, err)
	}
	var objects []Object
	for _, resource := range resources.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, Parse(t, string(text))...)
	}
	return objects
}

// OfKind returns the objects of that kind.
func OfKind(objects []Object, kind string) []Object {
	var found []Object
	for _, object := range objects {
		if object.GetKind() == kind {
			found = append(found, object)
		}
	}
	return found
}

// The returns the only object of that kind. None or several fail the test.
func The(t testing.TB, objects []Object, kind string) Object {
	t.Helper()
	found := OfKind(objects, kind)
	if len(found) != 1 {
		t.Fatalf("%d objects are a %s, not one", len(found), kind)
	}
	return found[0]
}

// Named returns the object of that kind and name. The test fails if it is absent.
func Named(t testing.TB, objects []Object, kind, name string) Object {
	t.Helper()
	for _, object := range OfKind(objects, kind) {
		if object.GetName() == name {
			return object
		}
	}
	t.Fatalf("no %s is called %s", kind, name)
	return nil
}
