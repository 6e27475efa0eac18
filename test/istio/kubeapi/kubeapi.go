// Package kubeapi stands in for kube-apiserver. It lists and watches objects, which is all that istiod needs.
package kubeapi

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"istio.io/istio/manifests"
	"istio.io/istio/pkg/kube"

	"istio-nats/test/istio/shipped"
)

// resource names a list of objects: `extensions.istio.io`, `wasmplugins`.
type resource struct{ group, plural string }

// Server holds objects and informs watchers of changes.
type Server struct {
	URL string

	mutex    sync.Mutex
	version  int
	objects  map[resource][]shipped.Object
	watchers map[resource][]chan shipped.Object
	// kinds of all resources that Istio's clients know, including empty ones.
	kinds map[resource]string
}

// Serve starts a server with these objects and Istio's own CRDs, until the test ends.
func Serve(t testing.TB, objects []shipped.Object) *Server {
	t.Helper()
	server := &Server{
		objects:  map[resource][]shipped.Object{},
		watchers: map[resource][]chan shipped.Object{},
		kinds:    map[resource]string{},
	}
	for kind := range kube.IstioScheme.AllKnownTypes() {
		server.kinds[resourceOf(kind)] = kind.Kind
	}
	crds, err := fs.ReadFile(manifests.FS, "charts/base/files/crd-all.gen.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range append(shipped.Parse(t, string(crds)), objects...) {
		server.Apply(object)
	}
	listener := httptest.NewServer(server)
	server.URL = listener.URL
	t.Cleanup(func() {
		server.mutex.Lock()
		for _, watchers := range server.watchers {
			for _, watcher := range watchers {
				close(watcher)
			}
		}
		server.watchers = map[resource][]chan shipped.Object{}
		server.mutex.Unlock()
		listener.CloseClientConnections()
		listener.Close()
	})
	return server
}

func resourceOf(kind schema.GroupVersionKind) resource {
	if strings.HasSuffix(kind.Kind, "Gateway") {
		// Kubernetes would guess "gatewaies".
		return resource{kind.Group, strings.ToLower(kind.Kind) + "s"}
	}
	plural, _ := meta.UnsafeGuessKindToResource(kind)
	return resource{kind.Group, plural.Resource}
}

// Apply adds an object, or replaces the one with its name, and informs the watchers.
func (s *Server) Apply(object shipped.Object) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.version++
	object = object.DeepCopy()
	object.SetResourceVersion(strconv.Itoa(s.version))
	object.SetUID(types.UID(object.GetKind() + "/" + object.GetNamespace() + "/" + object.GetName()))
	object.SetCreationTimestamp(metav1.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC))
	of := resourceOf(object.GroupVersionKind())
	s.objects[of] = shipped.Replace(s.objects[of], object)
	for _, watcher := range s.watchers[of] {
		watcher <- object
	}
}

// query is one request of a client, as far as it matters here.
type query struct {
	resource
	version, namespace, name string
	// metadataOnly is set if the client wants PartialObjectMetadata.
	metadataOnly bool
}

func parse(request *http.Request) (query, bool) {
	parts := strings.Split(strings.Trim(request.URL.Path, "/"), "/")
	asked := query{metadataOnly: strings.Contains(request.Header.Get("Accept"), "as=PartialObjectMetadata")}
	switch {
	case parts[0] == "api" && len(parts) > 2:
		asked.version, parts = parts[1], parts[2:]
	case parts[0] == "apis" && len(parts) > 3:
		asked.group, asked.version, parts = parts[1], parts[2], parts[3:]
	default:
		return asked, false
	}
	if parts[0] == "namespaces" && len(parts) > 2 {
		asked.namespace, parts = parts[1], parts[2:]
	}
	asked.plural = parts[0]
	if len(parts) > 1 {
		asked.name = parts[1]
	}
	if name, found := strings.CutPrefix(request.URL.Query().Get("fieldSelector"), "metadata.name="); found {
		asked.name = name
	}
	return asked, true
}

func (q query) matches(object shipped.Object) bool {
	return (q.namespace == "" || q.namespace == object.GetNamespace()) && (q.name == "" || q.name == object.GetName())
}

// apiVersion is the one that the client asked for. Istio's kinds have several, which are the same.
func (q query) apiVersion() string {
	return schema.GroupVersion{Group: q.group, Version: q.version}.String()
}

func (q query) present(object shipped.Object) any {
	if q.metadataOnly {
		return map[string]any{
			"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object.Object["metadata"],
		}
	}
	shown := object.DeepCopy()
	shown.SetAPIVersion(q.apiVersion())
	return shown.Object
}

func answer(writer http.ResponseWriter, status int, body any) {
	writer.Header().Set("Content-Type", "application/json")
	writer.WriteHeader(status)
	_ = json.NewEncoder(writer).Encode(body)
}
