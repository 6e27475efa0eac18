package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"time"

	"github.com/nats-io/nats.go"
)

// Target is where and as whom to connect.
type Target struct {
	Address string `json:"address"`
	// TLS is absent for plain TCP.
	TLS      *Certificate `json:"tls"`
	User     string       `json:"user"`
	Password string       `json:"password"`
}

// Certificate names a workload's certificate, as a client's sidecar would show it.
type Certificate struct {
	CertificateFile string   `json:"certificateFile"`
	KeyFile         string   `json:"keyFile"`
	AuthorityFile   string   `json:"authorityFile"`
	ServerName      string   `json:"serverName"`
	ALPN            []string `json:"alpn"`
}

func (c *Certificate) config() (*tls.Config, error) {
	own, err := tls.LoadX509KeyPair(c.CertificateFile, c.KeyFile)
	if err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(c.AuthorityFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, errors.New(c.AuthorityFile + " holds no certificate")
	}
	return &tls.Config{
		Certificates: []tls.Certificate{own},
		ServerName:   c.ServerName,
		NextProtos:   c.ALPN,
		// A SPIFFE certificate has no DNS name to compare: the chain is checked, the name is not.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots})
			return err
		},
	}, nil
}

// Dial connects, with the TLS handshake done. It has the form that nats.go wants of a custom dialer.
func (t *Target) Dial(_, _ string) (net.Conn, error) {
	plain, err := net.DialTimeout("tcp", t.Address, 5*time.Second)
	if err != nil || t.TLS == nil {
		return plain, err
	}
	config, err := t.TLS.config()
	if err != nil {
		return nil, err
	}
	conn := tls.Client(plain, config)
	return conn, conn.Handshake()
}

// Client connects nats.go. To nats.go the connection is plain: TLS ends before nats-server.
func (t *Target) Client() (*nats.Conn, error) {
	options := []nats.Option{nats.SetCustomDialer(dialer{t}), nats.NoReconnect(), nats.Timeout(5 * time.Second)}
	if t.User != "" {
		options = append(options, nats.UserInfo(t.User, t.Password))
	}
	return nats.Connect("nats://"+t.Address, options...)
}

type dialer struct{ *Target }
