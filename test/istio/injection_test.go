package istio

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"

	"istio.io/istio/operator/pkg/helm"
	"istio.io/istio/operator/pkg/values"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/kube/inject"

	"istio-nats/test/istio/shipped"
)

// injection is what Istio's own chart gives istiod for injecting pods: its templates and values.
func injection(t *testing.T) (inject.Templates, inject.ValuesConfig) {
	t.Helper()
	rendered, _, err := helm.Render("istiod", "istio-system", "istio-control/istio-discovery", values.Map{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for _, manifest := range rendered {
		if manifest.GetKind() == "ConfigMap" && manifest.GetName() == "istio-sidecar-injector" {
			for name, value := range manifest.Object["data"].(map[string]any) {
				settings[name] = value.(string)
			}
		}
	}
	config, err := inject.UnmarshalConfig([]byte(settings["config"]))
	if err != nil {
		t.Fatal(err)
	}
	templates, err := inject.ParseTemplates(config.RawTemplates)
	if err != nil {
		t.Fatal(err)
	}
	chartValues, err := inject.NewValuesConfig(settings["values"])
	if err != nil {
		t.Fatal(err)
	}
	return templates, chartValues
}

// injected is the pod of deploy/nats after Istio's own injector, with the templates and values of Istio's own chart.
func injected(t *testing.T) *corev1.PodSpec {
	t.Helper()
	return injectedAs(t, func(*corev1.PodTemplateSpec) {})
}

// injectedAs is the same of a changed template.
func injectedAs(t *testing.T, change func(*corev1.PodTemplateSpec)) *corev1.PodSpec {
	t.Helper()
	templates, chartValues := injection(t)
	statefulSet := &appsv1.StatefulSet{}
	object := shipped.The(t, shipped.Render(t, "nats"), "StatefulSet").Object
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, statefulSet); err != nil {
		t.Fatal(err)
	}
	change(&statefulSet.Spec.Template)
	warn := func(text string) { t.Errorf("the injector warns: %s", text) }
	out, err := inject.IntoObject(nil, templates, chartValues, "", mesh.DefaultMeshConfig(), statefulSet, warn)
	if err != nil {
		t.Fatal(err)
	}
	return &out.(*appsv1.StatefulSet).Spec.Template.Spec
}

func containerOf(t testing.TB, pod *corev1.PodSpec, name string) (corev1.Container, int) {
	t.Helper()
	for i, container := range pod.Containers {
		if container.Name == name {
			return container, i
		}
	}
	t.Fatalf("no container is called %s", name)
	return corev1.Container{}, 0
}

// lameDuckOf is how long nats-server takes to send its clients away, by its configuration in deploy/nats.
func lameDuckOf(t testing.TB) time.Duration {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(shipped.Folder, "nats", "nats.conf"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^lame_duck_duration: "(\w+)"$`).FindSubmatch(text)
	if found == nil {
		t.Fatal("nats.conf has no lame_duck_duration")
	}
	duration, err := time.ParseDuration(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return duration
}

func TestInjectedProxyStartsBeforeNatsServerAndOutlivesItsLameDuck(t *testing.T) {
	pod := injected(t)
	proxy, index := containerOf(t, pod, "istio-proxy")
	if index != 0 {
		t.Errorf("istio-proxy is container %d: Kubernetes starts them in their order", index)
	}
	hook := proxy.Lifecycle
	if hook == nil || hook.PostStart == nil || !slices.Contains(hook.PostStart.Exec.Command, "wait") {
		t.Errorf("nothing holds nats-server until the proxy has started: %v", hook)
	}
	var config struct {
		TerminationDrainDuration string
		ExtraStatTags            []string
	}
	for _, variable := range proxy.Env {
		if variable.Name == "PROXY_CONFIG" {
			if err := json.Unmarshal([]byte(variable.Value), &config); err != nil {
				t.Fatal(err)
			}
		}
	}
	drain, err := time.ParseDuration(config.TerminationDrainDuration)
	if err != nil {
		t.Fatal(err)
	}
	grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second
	if lameDuck := lameDuckOf(t); drain < lameDuck || drain >= grace {
		t.Errorf("the proxy drains for %s: not between the lame duck's %s and the pod's %s", drain, lameDuck, grace)
	}
	if !slices.Contains(config.ExtraStatTags, "source_principal") {
		t.Errorf("the proxy's extraStatTags are %v", config.ExtraStatTags)
	}
}

func TestInjectedProbesReachNatsServerInSpiteOfStrictMutualTLS(t *testing.T) {
	nats, _ := containerOf(t, injected(t), "nats")
	for name, probe := range map[string]*corev1.Probe{
		"startup": nats.StartupProbe, "readiness": nats.ReadinessProbe, "liveness": nats.LivenessProbe,
	} {
		if probe == nil || !strings.HasPrefix(probe.HTTPGet.Path, "/app-health/nats/") || probe.HTTPGet.Port.IntValue() != 15020 {
			t.Errorf("the %s probe does not go through istio-agent: %v", name, probe)
		}
	}
}

// What doctor says of the proxy's memory (cli/mesh/proxy-limits.ts) rests on this.
func TestOneAnnotationOfTheProxysResourcesTakesAwayAllThatTheMeshGives(t *testing.T) {
	limits := func(change func(*corev1.PodTemplateSpec)) string {
		proxy, _ := containerOf(t, injectedAs(t, change), "istio-proxy")
		for _, variable := range proxy.Env {
			if variable.Name == "ISTIO_CPU_LIMIT" && variable.ValueFrom.ResourceFieldRef.Resource != "limits.cpu" {
				t.Errorf("the number of workers comes from %v", variable.ValueFrom)
			}
		}
		of := proxy.Resources
		return fmt.Sprintf("limits %s, %s; requests %s, %s",
			of.Limits.Cpu(), of.Limits.Memory(), of.Requests.Cpu(), of.Requests.Memory())
	}
	annotated := func(annotations ...string) func(*corev1.PodTemplateSpec) {
		return func(template *corev1.PodTemplateSpec) {
			for i := 0; i < len(annotations); i += 2 {
				template.Annotations["sidecar.istio.io/"+annotations[i]] = annotations[i+1]
			}
		}
	}
	own := func(template *corev1.PodTemplateSpec) {
		annotated("proxyMemoryLimit", "2Gi", "proxyCPULimit", "2")(template)
		template.Spec.Containers = append(template.Spec.Containers, corev1.Container{
			Name: "istio-proxy", Image: "auto",
			Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{"memory": resource.MustParse("512Mi")}},
		})
	}
	for _, one := range []struct {
		what   string
		change func(*corev1.PodTemplateSpec)
		want   string
	}{
		{"none", annotated(), "limits 2, 1Gi; requests 100m, 128Mi"},
		{"the memory limit", annotated("proxyMemoryLimit", "2Gi"), "limits 0, 2Gi; requests 0, 0"},
		{"the CPU request", annotated("proxyCPU", "1"), "limits 0, 0; requests 1, 0"},
		{"all", annotated("proxyCPU", "1", "proxyMemory", "1Gi", "proxyCPULimit", "3", "proxyMemoryLimit", "2Gi"),
			"limits 3, 2Gi; requests 1, 1Gi"},
		{"the template's own container", own, "limits 2, 512Mi; requests 0, 0"},
	} {
		if got := limits(one.change); got != one.want {
			t.Errorf("%s: %s, not %s", one.what, got, one.want)
		}
	}
}
