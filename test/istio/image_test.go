package istio

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"istio.io/istio/pkg/wasm"

	"istio-nats/test/istio/image"
	"istio-nats/test/istio/shipped"
	"istio-nats/test/istio/wait"
)

// module is the filter as it was built, which the image must contain.
func module(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile(command(t, "ISTIO_NATS_WASM"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// fetch gets the module by Istio's own fetcher, as istio-agent does.
func fetch(t testing.TB, url, checksum string) ([]byte, error) {
	t.Helper()
	cache := wasm.NewLocalFileCache(t.TempDir(), wasm.Options{})
	t.Cleanup(cache.Cleanup)
	file, err := cache.Get(url, wasm.GetOptions{Checksum: checksum, ResourceName: "istio-nats", RequestTimeout: wait.Patience})
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text, nil
}

func TestIstiosFetcherTakesTheFilterOutOfTheImage(t *testing.T) {
	registry := image.Serve(t)
	for name, checksum := range map[string]string{
		"by the digest in the url":                 "",
		"and by the same digest in the sha256 too": strings.TrimPrefix(registry.Digest, "sha256:"),
	} {
		t.Run(name, func(t *testing.T) {
			fetched, err := fetch(t, registry.URL(), checksum)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(fetched, module(t)) {
				t.Errorf("fetched %d bytes, which are not the built module's", len(fetched))
			}
		})
	}
}

func TestIstiosFetcherRefusesADigestThatIsNotTheManifests(t *testing.T) {
	registry := image.Serve(t)
	if _, err := fetch(t, registry.Missing(), ""); err == nil {
		t.Error("a digest that the registry does not have is fetched")
	}
	// A frequent mistake: for images, `sha256` is not the module's.
	sum := sha256.Sum256(module(t))
	if _, err := fetch(t, registry.URL(), hex.EncodeToString(sum[:])); err == nil {
		t.Error("the module's own sha256 is accepted as the manifest's")
	}
}

func TestEveryManifestNamesItsImageByDigest(t *testing.T) {
	for _, form := range shipped.Forms(t) {
		for _, object := range shipped.Render(t, form) {
			spec, _ := object.Object["spec"].(map[string]any)
			if object.GetKind() == "TrafficExtension" {
				spec = spec["wasm"].(map[string]any)
			} else if object.GetKind() != "WasmPlugin" {
				continue
			}
			url := spec["url"].(string)
			if _, digest, _ := strings.Cut(url, "@sha256:"); !strings.HasPrefix(url, "oci://") || len(digest) != 64 {
				t.Errorf("deploy/%s: %s", form, url)
			}
		}
	}
}
