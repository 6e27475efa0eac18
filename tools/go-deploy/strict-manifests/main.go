// Command strict-manifests decodes the YAML documents on stdin as kube-apiserver does with `fieldValidation: Strict`:
// an unknown field, a duplicate field and a value of the wrong type are errors. It prints `checked KIND NAME` for kinds
// that it knows and `unknown APIVERSION KIND NAME` for other kinds. It exits with 1 after any error.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

func check(strict *json.Serializer, document []byte) error {
	var any unstructured.Unstructured
	if err := yaml.UnmarshalStrict(document, &any.Object); err != nil {
		return err
	}
	if len(any.Object) == 0 {
		return nil
	}
	kind := any.GroupVersionKind()
	if !scheme.Scheme.Recognizes(kind) {
		fmt.Println("unknown", any.GetAPIVersion(), any.GetKind(), any.GetName())
		return nil
	}
	object, _, err := strict.Decode(document, nil, nil)
	if err != nil {
		return fmt.Errorf("%s %s: %w", any.GetKind(), any.GetName(), err)
	}
	accessor, err := meta.Accessor(object)
	if err != nil {
		return err
	}
	fmt.Println("checked", kind.Kind, accessor.GetName())
	return nil
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("strict-manifests: ")
	options := json.SerializerOptions{Yaml: true, Strict: true}
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, options)
	documents := utilyaml.NewYAMLReader(bufio.NewReader(os.Stdin))
	failed := false
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = check(strict, document)
		}
		if err != nil {
			log.Print(err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}
