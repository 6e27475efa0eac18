package proxy

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"istio-nats/test/istio/wait"
)

// Labels that a sample must have at least.
type Labels map[string]string

func (l Labels) match(metric *dto.Metric) bool {
	found := 0
	for _, label := range metric.GetLabel() {
		value, wanted := l[label.GetName()]
		if !wanted {
			continue
		}
		if value != label.GetValue() {
			return false
		}
		found++
	}
	return found == len(l)
}

// Sum adds up the counters and gauges of that name that have these labels, as Prometheus would scrape them from the
// sidecar's own port. It is 0 if there are none.
func (p *Proxy) Sum(t testing.TB, name string, labels Labels) float64 {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(get(t, p.metrics)))
	if err != nil {
		t.Fatalf("%s: %v", p.metrics, err)
	}
	sum := 0.0
	for _, metric := range families[name].GetMetric() {
		if labels.match(metric) {
			sum += metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
		}
	}
	return sum
}

// WaitForSum waits until the sum is at least that. The filter gives its counts to Envoy on its tick.
func (p *Proxy) WaitForSum(t testing.TB, name string, labels Labels, least float64) {
	t.Helper()
	var sum float64
	if !wait.Until(func() bool { sum = p.Sum(t, name, labels); return sum >= least }) {
		t.Fatalf("%s%v of %s is %v after %v, not %v", name, labels, p.Workload.Name, sum, wait.Patience, least)
	}
}

// Raw is a counter by exactly the name that Envoy keeps it under, or 0 if there is none.
func (p *Proxy) Raw(t testing.TB, name string) uint64 {
	t.Helper()
	for _, line := range strings.Split(p.Admin(t, "/stats?filter="+url.QueryEscape("^"+regexp.QuoteMeta(name)+"$")), "\n") {
		if value, found := strings.CutPrefix(line, name+": "); found {
			count, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return count
		}
	}
	return 0
}
