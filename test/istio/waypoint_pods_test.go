package istio

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/version"
	fakediscovery "k8s.io/client-go/discovery/fake"
	fakedynamic "k8s.io/client-go/dynamic/fake"
	k8stesting "k8s.io/client-go/testing"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"istio.io/istio/pilot/pkg/config/kube/gatewaycommon"
	"istio.io/istio/pilot/pkg/features"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/config/mesh/meshwatcher"
	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/inject"
	"istio.io/istio/pkg/kube/kclient"
	"istio.io/istio/pkg/revisions"
	"istio.io/istio/pkg/test"

	"istio-nats/test/istio/proxy"
	"istio-nats/test/istio/shipped"
	"istio-nats/test/istio/wait"
)

// waypointPods is the template of the pods that Istio's own controller makes of a waypoint's Gateway.
func waypointPods(t *testing.T, gateway shipped.Object) appsv1.DeploymentSpec {
	t.Helper()
	test.SetForTest(t, &features.EnableAmbientWaypoints, true)
	test.SetForTest(t, &gatewaycommon.ClassInfos, gatewaycommon.GetClassInfos())
	test.SetForTest(t, &gatewaycommon.BuiltinGatewayClasses, gatewaycommon.GetAllClasses())
	written := &gatewayapi.Gateway{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(gateway.Object, written); err != nil {
		t.Fatal(err)
	}
	client := kube.NewFakeClient()
	client.Kube().Discovery().(*fakediscovery.FakeDiscovery).FakedServerVersion = &version.Info{Major: "1", Minor: "33"}
	made := make(chan appsv1.DeploymentSpec, 1)
	apply := func(action k8stesting.Action) (bool, runtime.Object, error) {
		patch := action.(k8stesting.PatchAction).GetPatch()
		object := &unstructured.Unstructured{}
		if err := json.Unmarshal(patch, &object.Object); err != nil {
			return true, nil, err
		}
		if object.GetKind() == "Deployment" {
			deployment := &appsv1.Deployment{}
			if err := json.Unmarshal(patch, deployment); err != nil {
				return true, nil, err
			}
			select {
			case made <- deployment.Spec:
			default:
			}
		}
		return true, object, nil
	}
	client.Dynamic().(*fakedynamic.FakeDynamicClient).PrependReactor("patch", "*", apply)
	kclient.NewWriteClient[*gatewayapi.Gateway](client).Create(written)

	stop := test.NewStop(t)
	environment := model.NewEnvironment()
	environment.Watcher = meshwatcher.NewTestWatcher(mesh.DefaultMeshConfig())
	environment.PushContext().InitDone.Store(true)
	tags := revisions.NewTagWatcher(client, "", "istio-system")
	go tags.Run(stop)
	templates, values := injection(t)
	webhook := func() inject.WebhookConfig {
		return inject.WebhookConfig{Templates: templates, Values: values, MeshConfig: mesh.DefaultMeshConfig()}
	}
	controller := gatewaycommon.NewDeploymentController(
		client, "Kubernetes", environment, webhook, func(func()) {}, tags, "", "istio-system",
	)
	client.RunAndWait(stop)
	go controller.Run(stop)
	select {
	case spec := <-made:
		return spec
	case <-time.After(wait.Patience):
		t.Fatal("Istio makes no Deployment of the Gateway")
		return appsv1.DeploymentSpec{}
	}
}

// unknownTags are the labels of the stats that a proxy with these annotations would leave in the metrics' names.
func unknownTags(t *testing.T, annotations map[string]string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(shipped.Folder, "stats-tags.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	patch := &appsv1.Deployment{}
	if err := yaml.Unmarshal(text, patch); err != nil {
		t.Fatal(err)
	}
	tags := strings.Split(patch.Spec.Template.Annotations["sidecar.istio.io/extraStatTags"], ",")
	if len(tags) < 10 {
		t.Fatalf("stats-tags.yaml has the labels %v", tags)
	}
	workload := proxy.Workload{Name: "waypoint-0", Namespace: "messaging", IP: "127.0.0.1", Annotations: annotations}
	var bootstrap struct {
		StatsConfig struct {
			StatsTags []struct {
				TagName string `json:"tag_name"`
			} `json:"stats_tags"`
		} `json:"stats_config"`
	}
	if err := json.Unmarshal(proxy.Bootstrap(t, command(t, "ISTIO_BOOTSTRAP"), workload), &bootstrap); err != nil {
		t.Fatal(err)
	}
	for _, known := range bootstrap.StatsConfig.StatsTags {
		tags = slices.DeleteFunc(tags, func(tag string) bool { return tag == known.TagName })
	}
	return tags
}

func TestProxyOfTheWaypointKnowsTheLabelsOfTheStats(t *testing.T) {
	gateway := shipped.The(t, shipped.Render(t, "waypoint"), "Gateway")
	pods := waypointPods(t, gateway).Template
	if unknown := unknownTags(t, pods.Annotations); len(unknown) > 0 {
		t.Errorf("%v stay in the names of the metrics; the pods have %v", unknown, pods.Annotations)
	}
	// istio-agent reads a pod's annotations from a file.
	mounted := false
	for _, volume := range pods.Spec.Volumes {
		if volume.DownwardAPI == nil {
			continue
		}
		for _, item := range volume.DownwardAPI.Items {
			mounted = mounted || item.Path == "annotations"
		}
	}
	if !mounted {
		t.Error("the pods do not show their annotations to istio-agent")
	}
}

func TestGatewayWithAnInfrastructureKeepsItsOwnAnnotationsFromThePods(t *testing.T) {
	const annotation = "sidecar.istio.io/extraStatTags"
	gateway := shipped.The(t, shipped.Render(t, "waypoint"), "Gateway")
	own := gateway.DeepCopy()
	own.SetAnnotations(map[string]string{annotation: "reporter"})
	unstructured.RemoveNestedField(own.Object, "spec", "infrastructure")
	if found := waypointPods(t, own).Template.Annotations[annotation]; found != "reporter" {
		t.Errorf("without an infrastructure the pods have %q", found)
	}
	both := shipped.With(t, own, "spec.infrastructure.annotations", map[string]any{"a": "b"})
	if found, there := waypointPods(t, both).Template.Annotations[annotation]; there {
		t.Errorf("with an infrastructure the pods have %q", found)
	}
}
