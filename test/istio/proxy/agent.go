package proxy

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/anypb"

	"istio.io/istio/pkg/model"
	"istio.io/istio/pkg/wasm"
)

// agent stands between a proxy and istiod, as istio-agent does. It passes everything on. Istio's own code
// (istio.io/istio/pkg/wasm) fetches the modules that extension configurations name, and rewrites these to local files
// or replaces them by a filter that denies everything.
type agent struct {
	discovery.UnimplementedAggregatedDiscoveryServiceServer
	istiod discovery.AggregatedDiscoveryServiceClient
	wasm   wasm.Cache
}

// serveAgent serves xDS for one proxy on a Unix socket until the test ends.
func serveAgent(t testing.TB, socket, istiod string, cache wasm.Cache) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		t.Fatal(err)
	}
	connection, err := grpc.NewClient(istiod, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(server, &agent{
		istiod: discovery.NewAggregatedDiscoveryServiceClient(connection),
		wasm:   cache,
	})
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		_ = connection.Close()
	})
}

// DeltaAggregatedResources relays one stream. Istio's proxies speak the incremental protocol since 1.22.
func (a *agent) DeltaAggregatedResources(
	proxy discovery.AggregatedDiscoveryService_DeltaAggregatedResourcesServer,
) error {
	ctx, cancel := context.WithCancel(proxy.Context())
	defer cancel()
	istiod, err := a.istiod.DeltaAggregatedResources(ctx)
	if err != nil {
		return err
	}
	requests := make(chan *discovery.DeltaDiscoveryRequest)
	failed := make(chan error, 2)
	receive := func() {
		for {
			request, err := proxy.Recv()
			if err != nil {
				failed <- err
				return
			}
			select {
			case requests <- request:
			case <-ctx.Done():
				return
			}
		}
	}
	answer := func() {
		for {
			response, err := istiod.Recv()
			if err == nil {
				err = a.pass(response, proxy.Send, func(nack *discovery.DeltaDiscoveryRequest) {
					select {
					case requests <- nack:
					case <-ctx.Done():
					}
				})
			}
			if err != nil {
				failed <- err
				return
			}
		}
	}
	go receive()
	go answer()
	for {
		select {
		case request := <-requests:
			if err := istiod.Send(request); err != nil {
				return err
			}
		case err := <-failed:
			return err
		}
	}
}

// pass hands a response to the proxy, with its modules fetched. A response that cannot even be replaced is rejected to
// istiod.
func (a *agent) pass(
	response *discovery.DeltaDiscoveryResponse,
	send func(*discovery.DeltaDiscoveryResponse) error,
	refuse func(*discovery.DeltaDiscoveryRequest),
) error {
	if response.TypeUrl != model.ExtensionConfigurationType {
		return send(response)
	}
	resources := make([]*anypb.Any, len(response.Resources))
	for i, resource := range response.Resources {
		resources[i] = resource.Resource
	}
	if err := wasm.MaybeConvertWasmExtensionConfig(resources, a.wasm); err != nil {
		refuse(&discovery.DeltaDiscoveryRequest{
			TypeUrl:       response.TypeUrl,
			ResponseNonce: response.Nonce,
			ErrorDetail:   &status.Status{Code: int32(codes.Internal), Message: err.Error()},
		})
		return nil
	}
	for i, resource := range resources {
		response.Resources[i].Resource = resource
	}
	return send(response)
}
