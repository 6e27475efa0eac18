// Package image serves the OCI image that `npm run image` made, from a registry in this process.
package image

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Folder is the OCI layout under test: $ISTIO_NATS_IMAGE, or where `npm run image` leaves it.
func Folder() string {
	if folder := os.Getenv("ISTIO_NATS_IMAGE"); folder != "" {
		return folder
	}
	return "../../build/image"
}

// Load reads the only image of the layout.
func Load(t testing.TB) v1.Image {
	t.Helper()
	index, err := layout.ImageIndexFromPath(Folder())
	if err != nil {
		t.Fatalf("%v: make it with npm run image", err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 1 {
		t.Fatalf("%s has %d images, not one", Folder(), len(manifest.Manifests))
	}
	image, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// Registry is a registry in this process, with the image in it.
type Registry struct {
	host string
	// Digest of the image's manifest, `sha256:…`.
	Digest string
}

// Serve starts a registry and pushes the image to it.
func Serve(t testing.TB) Registry {
	t.Helper()
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(handler.ServeHTTP))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	reference, err := name.ParseReference(host+"/istio-nats:test", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	image := Load(t)
	if err := remote.Write(reference, image); err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return Registry{host: host, Digest: digest.String()}
}

// URL names the image by its digest, as the manifests of deploy/ do.
func (r Registry) URL() string {
	return "oci://" + r.host + "/istio-nats@" + r.Digest
}

// Missing names an image by a digest that the registry does not have.
func (r Registry) Missing() string {
	return "oci://" + r.host + "/istio-nats@sha256:" + strings.Repeat("0", 64)
}
