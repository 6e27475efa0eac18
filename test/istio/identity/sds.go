package identity

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tls "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	secret "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/anypb"
)

// sds answers one proxy's requests for its certificate (`default`) and the mesh's root (`ROOTCA`), as istio-agent does.
type sds struct {
	secret.UnimplementedSecretDiscoveryServiceServer
	authority *Authority
	principal string
}

// ServeSDS serves a workload's secrets on a Unix socket until the test ends.
func (a *Authority) ServeSDS(t testing.TB, socket, principal string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	secret.RegisterSecretDiscoveryServiceServer(server, &sds{authority: a, principal: principal})
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
}

func inline(bytes []byte) *core.DataSource {
	return &core.DataSource{Specifier: &core.DataSource_InlineBytes{InlineBytes: bytes}}
}

func (s *sds) secret(name string) (*anypb.Any, error) {
	if name == "ROOTCA" {
		root := &tls.CertificateValidationContext{TrustedCa: inline(s.authority.RootPEM())}
		return anypb.New(&tls.Secret{Name: name, Type: &tls.Secret_ValidationContext{ValidationContext: root}})
	}
	if name != "default" {
		return nil, fmt.Errorf("no secret is called %q", name)
	}
	chain, key, err := s.authority.Issue(s.principal)
	if err != nil {
		return nil, err
	}
	certificate := &tls.TlsCertificate{CertificateChain: inline(chain), PrivateKey: inline(key)}
	return anypb.New(&tls.Secret{Name: name, Type: &tls.Secret_TlsCertificate{TlsCertificate: certificate}})
}

// StreamSecrets answers each request once, because the certificates outlive every test.
func (s *sds) StreamSecrets(stream secret.SecretDiscoveryService_StreamSecretsServer) error {
	for version := 1; ; version++ {
		request, err := stream.Recv()
		if err != nil {
			return err
		}
		if request.ErrorDetail != nil {
			return fmt.Errorf("the proxy refuses its secret: %s", request.ErrorDetail.Message)
		}
		if request.ResponseNonce != "" {
			continue
		}
		response := &discovery.DiscoveryResponse{
			TypeUrl:     request.TypeUrl,
			VersionInfo: strconv.Itoa(version),
			Nonce:       strconv.Itoa(version),
		}
		for _, name := range request.ResourceNames {
			resource, err := s.secret(name)
			if err != nil {
				return err
			}
			response.Resources = append(response.Resources, resource)
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
}
