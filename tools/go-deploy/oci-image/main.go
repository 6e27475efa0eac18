// Command oci-image makes an image that Istio can load a filter from, as an OCI layout, and prints the digest of its
// manifest.
//
//	oci-image -wasm istio-nats.wasm -out build/image -version 1.2.3
//
// The same module and version make the same bytes on every machine. No time, owner or file mode of the machine goes in,
// and the compressor is a pinned module: the output of Go's own may change with the compiler.
package main

import (
	"archive/tar"
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
)

// The only file name that Istio's agent takes from a layer (pkg/wasm/imagefetcher.go).
const pluginFile = "plugin.wasm"

func tarOf(wasm []byte) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	header := &tar.Header{Format: tar.FormatUSTAR, Name: pluginFile, Mode: 0o444, Size: int64(len(wasm))}
	if err := w.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := w.Write(wasm); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func gzipped(plain []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// layerOf is a static layer that knows the digest of its tar. static.NewLayer assumes that its input is uncompressed.
type layerOf struct {
	v1.Layer
	diffID v1.Hash
}

func (l layerOf) DiffID() (v1.Hash, error) { return l.diffID, nil }

func imageOf(wasm []byte, version string) (v1.Image, error) {
	plain, err := tarOf(wasm)
	if err != nil {
		return nil, err
	}
	packed, err := gzipped(plain)
	if err != nil {
		return nil, err
	}
	diffID, _, err := v1.SHA256(bytes.NewReader(plain))
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	base, err = mutate.ConfigFile(base, &v1.ConfigFile{
		Architecture: "wasm",
		OS:           "wasip1",
		RootFS:       v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(base, layerOf{static.NewLayer(packed, types.OCILayer), diffID})
	if err != nil {
		return nil, err
	}
	return mutate.Annotations(image, map[string]string{
		"org.opencontainers.image.title":    "istio-nats",
		"org.opencontainers.image.version":  version,
		"org.opencontainers.image.licenses": "Apache-2.0",
	}).(v1.Image), nil
}

func run(wasmFile, out, version string) error {
	wasm, err := os.ReadFile(wasmFile)
	if err != nil {
		return err
	}
	image, err := imageOf(wasm, version)
	if err != nil {
		return err
	}
	path, err := layout.Write(out, empty.Index)
	if err != nil {
		return err
	}
	if err := path.AppendImage(image); err != nil {
		return err
	}
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	fmt.Println(digest)
	return nil
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("oci-image: ")
	wasm := flag.String("wasm", "", "the module")
	out := flag.String("out", "", "the folder of the OCI layout, which must not exist yet")
	version := flag.String("version", "", "the version in the image's annotation")
	flag.Parse()
	if *wasm == "" || *out == "" || *version == "" {
		log.Fatal("give -wasm FILE, -out FOLDER and -version VERSION")
	}
	if err := run(*wasm, *out, *version); err != nil {
		log.Fatal(err)
	}
}
