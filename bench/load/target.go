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

// Target says where to connect, and as whom.
type Target struct {
	Address string `json:"address"`
	// TLS is nil for plain TCP.
	TLS      *Certificate `json:"tls"`
	User     string       `json:"user"`
	Password string       `json:"password"`
}

// Certificate is the certificate of a workload, as a client's sidecar would show it.
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
		// A SPIFFE certificate has no DNS name to compare, so the chain is verified and the name is not.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots})
			return err
		},
	}, nil
}

// Dial connects and does the TLS handshake. Its signature is the one that nats.go wants for a custom dialer.
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

// Client connects a nats.go client. nats.go sees a plain connection, because TLS ends before nats-server.
func (t *Target) Client() (*nats.Conn, error) {
	options := []nats.Option{nats.SetCustomDialer(dialer{t}), nats.NoReconnect(), nats.Timeout(5 * time.Second)}
	if t.User != "" {
		options = append(options, nats.UserInfo(t.User, t.Password))
	}
	return nats.Connect("nats://"+t.Address, options...)
}

type dialer struct{ *Target }
