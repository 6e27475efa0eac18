package shipped

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

var separator = regexp.MustCompile(`(?m)^---\s*$`)

// Parse reads a stream of YAML documents. A document without a kind fails the test.
func Parse(t testing.TB, text string) []Object {
	t.Helper()
	var objects []Object
	for _, document := range separator.Split(text, -1) {
		if strings.TrimSpace(document) == "" {
			continue
		}
		json, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(json); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		objects = append(objects, object)
	}
	return objects
}

// ParseFile reads a file of YAML documents in which each ${NAME} stands for a value. An unknown name fails the test.
func ParseFile(t testing.TB, file string, values map[string]string) []Object {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return Parse(t, os.Expand(string(text), func(name string) string {
		value, known := values[name]
		if !known {
			t.Fatalf("%s: ${%s} has no value", file, name)
		}
		return value
	}))
}

// YAML writes objects as one stream.
func YAML(t testing.TB, objects ...Object) string {
	t.Helper()
	documents := make([]string, len(objects))
	for i, object := range objects {
		text, err := yaml.Marshal(object.Object)
		if err != nil {
			t.Fatal(err)
		}
		documents[i] = string(text)
	}
	return strings.Join(documents, "\n---\n")
}

// With returns a copy in which the field at a dotted path has that value.
func With(t testing.TB, object Object, path string, value any) Object {
	t.Helper()
	edited := object.DeepCopy()
	if err := unstructured.SetNestedField(edited.Object, value, strings.Split(path, ".")...); err != nil {
		t.Fatalf("%s of %s %s: %v", path, object.GetKind(), object.GetName(), err)
	}
	return edited
}

// WithWasm is With for a field that a WasmPlugin has in `spec` and a TrafficExtension in `spec.wasm`.
func WithWasm(t testing.TB, object Object, field string, value any) Object {
	t.Helper()
	if object.GetKind() == "TrafficExtension" {
		return With(t, object, "spec.wasm."+field, value)
	}
	return With(t, object, "spec."+field, value)
}

// Replace replaces the object of the same kind, namespace and name by the given one, or adds it.
func Replace(objects []Object, with Object) []Object {
	replaced := append([]Object(nil), objects...)
	for i, object := range replaced {
		same := object.GetKind() == with.GetKind() && object.GetNamespace() == with.GetNamespace() && object.GetName() == with.GetName()
		if same {
			replaced[i] = with
			return replaced
		}
	}
	return append(replaced, with)
}
