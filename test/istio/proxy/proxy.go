// Package proxy runs real Envoys as Istio's sidecars, with Istio's bootstrap, configuration from istiod, and
// certificates by SDS.
package proxy

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"istio.io/istio/pkg/wasm"

	"istio-nats/test/istio/identity"
	"istio-nats/test/istio/wait"
)

// Workload is a pod with a sidecar.
type Workload struct {
	Name, Namespace, ServiceAccount, IP string
	Labels, Annotations                 map[string]string
}

// Principal is the workload's SPIFFE ID.
func (w Workload) Principal() string {
	return identity.Principal(w.Namespace, w.ServiceAccount)
}

func (w Workload) node() string {
	return fmt.Sprintf("sidecar~%s~%s.%s~%s.svc.cluster.local", w.IP, w.Name, w.Namespace, w.Namespace)
}

// Surroundings are what a sidecar needs from its mesh.
type Surroundings struct {
	// Istiod is the address of its xDS server.
	Istiod    string
	Authority *identity.Authority
	// Wasm fetches modules.
	Wasm wasm.Cache
	// Envoy is the command, Template the file of Istio's bootstrap.
	Envoy, Template string
}

// Proxy is a running sidecar.
type Proxy struct {
	Workload Workload
	folder   string
	admin    string
	metrics  string
	process  *exec.Cmd
	exited   chan struct{}
}

// Start runs a sidecar until the test ends. It returns once its listeners exist. If the test fails, the end of its log
// is shown.
func Start(t *testing.T, surroundings Surroundings, workload Workload) *Proxy {
	t.Helper()
	// The path must be short: the name of a Unix socket has at most 108 bytes.
	folder, err := os.MkdirTemp("", "istio-nats-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	surroundings.Authority.ServeSDS(t, filepath.Join(folder, socketForSDS), workload.Principal())
	serveAgent(t, filepath.Join(folder, socketForXDS), surroundings.Istiod, surroundings.Wasm)

	ports := freePorts(t)
	file := filepath.Join(folder, "envoy-rev.json")
	if err := os.WriteFile(file, bootstrapOf(t, surroundings.Template, workload, ports), 0o600); err != nil {
		t.Fatal(err)
	}
	proxy := &Proxy{
		Workload: workload,
		folder:   folder,
		admin:    fmt.Sprintf("http://127.0.0.1:%d", ports.admin),
		metrics:  fmt.Sprintf("http://127.0.0.1:%d/stats/prometheus", ports.prometheus),
		exited:   make(chan struct{}),
	}
	proxy.run(t, surroundings.Envoy, file)
	proxy.waitUntilReady(t)
	return proxy
}

// run starts Envoy with the arguments that istio-agent gives it.
func (p *Proxy) run(t *testing.T, envoy, bootstrap string) {
	t.Helper()
	log, err := os.Create(filepath.Join(p.folder, "log"))
	if err != nil {
		t.Fatal(err)
	}
	p.process = exec.Command(envoy, "-c", bootstrap, "--drain-time-s", "1", "--drain-strategy", "immediate",
		"--local-address-ip-version", "v4", "--file-flush-interval-msec", "100", "--disable-hot-restart",
		"--allow-unknown-static-fields", "-l", "warning", "--component-log-level", "misc:error",
		// Two workers, so that no test depends on there being only one.
		"--concurrency", strconv.Itoa(2))
	p.process.Dir = p.folder
	p.process.Stdout, p.process.Stderr = log, log
	if err := p.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.process.Wait()
		_ = log.Close()
		close(p.exited)
	}()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of the log of %s:\n%s", p.Workload.Name, tail(p.Log(), 6000))
		}
		_ = p.process.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.exited:
		case <-time.After(5 * time.Second):
			_ = p.process.Process.Kill()
			<-p.exited
		}
	})
}

func (p *Proxy) waitUntilReady(t *testing.T) {
	t.Helper()
	isReady := wait.Until(func() bool {
		select {
		case <-p.exited:
			t.Fatalf("%s ended: %s\n%s", p.Workload.Name, p.process.ProcessState, tail(p.Log(), 6000))
		default:
		}
		return wait.AnswersOK(p.admin + "/ready")
	})
	if !isReady {
		t.Fatalf("%s is not ready after %v\n%s", p.Workload.Name, wait.Patience, tail(p.Log(), 6000))
	}
}

// Log is everything that Envoy has logged.
func (p *Proxy) Log() string {
	text, _ := os.ReadFile(filepath.Join(p.folder, "log"))
	return string(text)
}

func tail(text string, bytes int) string {
	if len(text) <= bytes {
		return text
	}
	text = text[len(text)-bytes:]
	return text[strings.IndexByte(text, '\n')+1:]
}

// Admin is the answer of an admin endpoint.
func (p *Proxy) Admin(t testing.TB, path string) string {
	t.Helper()
	return get(t, p.admin+path)
}

func get(t testing.TB, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %s: %s", url, response.Status, text)
	}
	return string(text)
}
