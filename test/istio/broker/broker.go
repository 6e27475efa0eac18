// Package broker runs a real nats-server.
package broker

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"istio-nats/test/istio/freeport"
	"istio-nats/test/istio/wait"
)

// config opens every port that a NATS cluster has, on ports that the kernel chooses. 4222 itself belongs to the
// sidecar.
const config = `
host: 127.0.0.1, port: -1
http: 127.0.0.1:-1
cluster { name: messaging, host: 127.0.0.1, port: -1 }
leafnodes { host: 127.0.0.1, port: %d }
ports_file_dir: %q
`

// Ports are the addresses, host:port, at which one nats-server listens.
type Ports struct{ Client, Cluster, Leafnodes, Monitor string }

// Start runs a nats-server until the test ends.
func Start(t *testing.T, command string) Ports {
	t.Helper()
	folder := t.TempDir()
	file := filepath.Join(folder, "nats.conf")
	// The ports file of nats-server 2.15 leaves out the port of leaf nodes.
	leafnodes := freeport.Find(t, 1)[0]
	if err := os.WriteFile(file, fmt.Appendf(nil, config, leafnodes, folder), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		t.Fatal(err)
	}
	process := exec.Command(command, "-c", file)
	process.Stdout, process.Stderr = log, log
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
		_ = log.Close()
	})
	portsFile := filepath.Join(folder, fmt.Sprintf("%s_%d.ports", filepath.Base(command), process.Process.Pid))
	var ports Ports
	if !wait.Until(func() (isComplete bool) { ports, isComplete = read(portsFile); return }) {
		text, _ := os.ReadFile(log.Name())
		t.Fatalf("nats-server does not say its ports:\n%s", text)
	}
	ports.Leafnodes = fmt.Sprintf("127.0.0.1:%d", leafnodes)
	return ports
}

// read reads the ports file once it exists and is complete.
func read(file string) (Ports, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Ports{}, false
	}
	var urls struct{ Nats, Monitoring, Cluster []string }
	if json.Unmarshal(text, &urls) != nil {
		return Ports{}, false
	}
	address := func(urls []string) string {
		if len(urls) == 0 {
			return ""
		}
		_, address, _ := strings.Cut(urls[0], "://")
		return address
	}
	ports := Ports{Client: address(urls.Nats), Cluster: address(urls.Cluster), Monitor: address(urls.Monitoring)}
	return ports, ports.Client != "" && ports.Cluster != "" && ports.Monitor != ""
}
