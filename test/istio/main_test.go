// Package istio tests what deploy/ ships with Istio's own code, as istiod delivers it to real Envoys.
package istio

import (
	"fmt"
	"os"
	"testing"

	"istio.io/istio/pkg/log"
)

func TestMain(m *testing.M) {
	// Istio logs to stdout, where the results go.
	options := log.DefaultOptions()
	options.SetDefaultOutputLevel(log.OverrideScopeName, log.NoneLevel)
	if err := log.Configure(options); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
