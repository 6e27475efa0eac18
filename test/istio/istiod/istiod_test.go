// Package istiod tests what deploy/ ships with the real pilot-discovery, which reads it from a Kubernetes API.
package istiod

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"istio-nats/test/istio/freeport"
	"istio-nats/test/istio/kubeapi"
	"istio-nats/test/istio/mesh"
	"istio-nats/test/istio/shipped"
	"istio-nats/test/istio/wait"
	"istio-nats/test/istio/worlds"
)

const kubeconfig = `
apiVersion: v1
kind: Config
clusters: [{name: cluster, cluster: {server: %q}}]
users: [{name: istiod, user: {}}]
contexts: [{name: context, context: {cluster: cluster, user: istiod}}]
current-context: context
`

const meshConfig = "defaultProviders: {metrics: [prometheus]}\n"

// start runs pilot-discovery on these objects until the test ends, and returns the address of its xDS server.
func start(t *testing.T, api *kubeapi.Server) string {
	t.Helper()
	command := os.Getenv("PILOT_DISCOVERY")
	if command == "" {
		t.Fatal("$PILOT_DISCOVERY is not set: run npm run test:istiod")
	}
	folder := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		t.Fatal(err)
	}
	var addresses []string
	for _, port := range freeport.Find(t, 3) {
		addresses = append(addresses, fmt.Sprintf("127.0.0.1:%d", port))
	}
	process := exec.Command(command, "discovery",
		"--kubeconfig", write("kubeconfig", fmt.Sprintf(kubeconfig, api.URL)),
		"--meshConfig", write("mesh", meshConfig), "--namespace", "istio-system",
		"--grpcAddr", addresses[0], "--httpAddr", addresses[1], "--monitoringAddr", addresses[2],
		"--secureGRPCAddr", "", "--httpsAddr", "", "--ctrlz_port", "0")
	process.Dir = folder
	process.Env = append(os.Environ(),
		"POD_NAME=istiod-0", "POD_NAMESPACE=istio-system", "CLUSTER_ID=Kubernetes",
		// This cluster has no tokens and no certificates, and no webhooks to write.
		"XDS_AUTH=false", "ENABLE_CA_SERVER=false", "ENABLE_LEADER_ELECTION=false",
		"INJECTION_WEBHOOK_CONFIG_NAME=", "VALIDATION_WEBHOOK_CONFIG_NAME=", "PILOT_ENABLE_GATEWAY_API=false")
	process.Stdout, process.Stderr = log, log
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = process.Wait()
		close(exited)
	}()
	explain := func() string {
		text, _ := os.ReadFile(log.Name())
		return string(text[max(0, len(text)-4000):])
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		<-exited
		if t.Failed() {
			t.Logf("the end of istiod's log:\n%s", explain())
		}
	})
	isReady := wait.Until(func() bool {
		select {
		case <-exited:
			t.Fatalf("pilot-discovery ended: %s\n%s", process.ProcessState, explain())
		default:
		}
		return wait.AnswersOK("http://" + addresses[1] + "/ready")
	})
	if !isReady {
		t.Fatalf("pilot-discovery is not ready after %v\n%s", wait.Patience, explain())
	}
	return addresses[0]
}

func TestRealIstiodDeliversTheFilterAndEveryChangeOfItsPolicy(t *testing.T) {
	for kind, form := range map[string]string{"WasmPlugin": "sidecar", "TrafficExtension": "trafficextension/sidecar"} {
		t.Run(kind, func(t *testing.T) {
			objects := worlds.Cluster(t, form)
			plugin := shipped.The(t, objects, kind)
			api := kubeapi.Serve(t, objects)
			istiod := start(t, api)

			view := mesh.ViewOf(t, istiod, worlds.NatsSidecar)
			chains := view.Chains(t, func(chain mesh.Chain) bool {
				return chain.Listener == "virtualInbound" && chain.Port == 4222
			})
			const filters = "metadata_exchange > rbac DENY > istio-nats > stats > tcp_proxy"
			if len(chains) != 1 || chains[0].Filters != filters {
				t.Errorf("%+v, not one chain with %s", chains, filters)
			}
			if before := configuration(t, view); !strings.Contains(before, `"mode":"DRY_RUN"`) {
				t.Errorf("the filter's configuration is %s", before)
			}

			api.Apply(shipped.WithWasm(t, plugin, "pluginConfig.mode", "ENFORCE"))
			var after string
			isEnforced := wait.Until(func() bool {
				after = configuration(t, mesh.ViewOf(t, istiod, worlds.NatsSidecar))
				return strings.Contains(after, `"mode":"ENFORCE"`)
			})
			if !isEnforced {
				t.Fatalf("the filter's configuration is still %s", after)
			}
		})
	}
}

// configuration is the configuration of the only extension in a view.
func configuration(t *testing.T, view mesh.View) string {
	t.Helper()
	if len(view.Extensions) != 1 {
		t.Fatalf("%d extensions", len(view.Extensions))
	}
	for _, config := range view.Extensions {
		return string(config.Configuration.Value)
	}
	return ""
}
