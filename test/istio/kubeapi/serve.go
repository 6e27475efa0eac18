package kubeapi

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"istio-nats/test/istio/shipped"
)

// ServeHTTP answers discovery, gets, lists and watches. It answers a write as if it were done, and forgets it: istiod
// writes only statuses and leases.
func (s *Server) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodGet {
		body, _ := io.ReadAll(request.Body)
		writer.Header().Set("Content-Type", "application/json")
		if request.Method == http.MethodPost {
			writer.WriteHeader(http.StatusCreated)
		}
		_, _ = writer.Write(body)
		return
	}
	asked, ok := parse(request)
	switch {
	case request.URL.Path == "/version":
		answer(writer, http.StatusOK, map[string]any{"major": "1", "minor": "35", "gitVersion": "v1.35.0"})
	case !ok:
		answer(writer, http.StatusOK, groups(request.URL.Path))
	case strings.EqualFold(request.URL.Query().Get("watch"), "true") || request.URL.Query().Get("watch") == "1":
		s.watch(writer, request, asked)
	case asked.name != "" && request.URL.Query().Get("fieldSelector") == "":
		s.get(writer, asked)
	default:
		s.list(writer, asked)
	}
}

// groups returns no groups. istiod reads the CRDs instead.
func groups(path string) any {
	switch path {
	case "/api":
		return map[string]any{"kind": "APIVersions", "versions": []string{"v1"}}
	case "/apis":
		return map[string]any{"kind": "APIGroupList", "apiVersion": "v1", "groups": []any{}}
	default:
		return map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "resources": []any{}}
	}
}

// matching returns the objects of a query and the version of the whole. The caller holds the mutex.
func (s *Server) matching(asked query) (found []shipped.Object, version string) {
	for _, object := range s.objects[asked.resource] {
		if asked.matches(object) {
			found = append(found, object)
		}
	}
	return found, strconv.Itoa(s.version)
}

func (s *Server) get(writer http.ResponseWriter, asked query) {
	s.mutex.Lock()
	found, _ := s.matching(asked)
	s.mutex.Unlock()
	if len(found) == 1 {
		answer(writer, http.StatusOK, asked.present(found[0]))
		return
	}
	answer(writer, http.StatusNotFound, map[string]any{
		"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": http.StatusNotFound,
		"details": map[string]any{"name": asked.name, "kind": asked.plural},
	})
}

func (s *Server) list(writer http.ResponseWriter, asked query) {
	s.mutex.Lock()
	found, version := s.matching(asked)
	s.mutex.Unlock()
	items := make([]any, len(found))
	for i, object := range found {
		items[i] = asked.present(object)
	}
	body := map[string]any{
		"apiVersion": asked.apiVersion(), "kind": s.kinds[asked.resource] + "List",
		"metadata": map[string]any{"resourceVersion": version}, "items": items,
	}
	if asked.metadataOnly {
		body["apiVersion"], body["kind"] = "meta.k8s.io/v1", "PartialObjectMetadataList"
	}
	answer(writer, http.StatusOK, body)
}

// watch sends the existing objects, if the client wants them, and then every change until the client goes.
func (s *Server) watch(writer http.ResponseWriter, request *http.Request, asked query) {
	changes := make(chan shipped.Object, 100)
	s.mutex.Lock()
	found, version := s.matching(asked)
	s.watchers[asked.resource] = append(s.watchers[asked.resource], changes)
	s.mutex.Unlock()
	defer func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.watchers[asked.resource] = slices.DeleteFunc(s.watchers[asked.resource], func(other chan shipped.Object) bool {
			return other == changes
		})
	}()

	writer.Header().Set("Content-Type", "application/json")
	writer.WriteHeader(http.StatusOK)
	events := json.NewEncoder(writer)
	send := func(event string, object any) {
		_ = events.Encode(map[string]any{"type": event, "object": object})
		writer.(http.Flusher).Flush()
	}
	if request.URL.Query().Get("sendInitialEvents") == "true" {
		for _, object := range found {
			send("ADDED", asked.present(object))
		}
		send("BOOKMARK", s.bookmark(asked, version))
	}
	writer.(http.Flusher).Flush()
	for {
		select {
		case object, open := <-changes:
			if !open {
				return
			}
			if asked.matches(object) {
				send("MODIFIED", asked.present(object))
			}
		case <-request.Context().Done():
			return
		}
	}
}

// bookmark tells a client that it has received the whole initial list.
func (s *Server) bookmark(asked query, version string) any {
	body := map[string]any{
		"apiVersion": asked.apiVersion(), "kind": s.kinds[asked.resource],
		"metadata": map[string]any{
			"resourceVersion": version, "annotations": map[string]any{"k8s.io/initial-events-end": "true"},
		},
	}
	if asked.metadataOnly {
		body["apiVersion"], body["kind"] = "meta.k8s.io/v1", "PartialObjectMetadata"
	}
	return body
}
