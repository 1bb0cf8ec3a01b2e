package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	kgosasl "github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// TLSConfig reads PEM files. caFile is the authority that signed the brokers'
// certificates (empty: the system's); certFile and keyFile are the client's own
// certificate, both or neither.
func TLSConfig(caFile, certFile, keyFile string) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("read the CA file: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("CA file %s holds no certificate: it must be PEM (BEGIN CERTIFICATE)", caFile)
		}
	}
	if (certFile == "") != (keyFile == "") {
		return nil, errors.New("a client certificate needs both cert_file and key_file")
	}
	if certFile != "" {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, fmt.Errorf("load the client certificate %s with key %s: %w", certFile, keyFile, err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// SASL makes a mechanism by its name: plain, scram-sha-256 or scram-sha-512, in
// any case.
func SASL(mechanism, user, password string) (sasl.Mechanism, error) {
	auth := scram.Auth{User: user, Pass: password}
	switch strings.ToLower(mechanism) {
	case "plain":
		return plain.Mechanism{Username: user, Password: password}, nil
	case "scram-sha-256":
		return scramMechanism{auth.AsSha256Mechanism()}, nil
	case "scram-sha-512":
		return scramMechanism{auth.AsSha512Mechanism()}, nil
	}
	return nil, fmt.Errorf("kafka: SASL mechanism %q is not known: use plain, scram-sha-256 or scram-sha-512", mechanism)
}

// scramMechanism lets kafka-go use franz-go's SCRAM. kafka-go's own needs
// xdg-go/scram, which prepares passwords with SASLprep, as brokers do not.
type scramMechanism struct{ m kgosasl.Mechanism }

func (s scramMechanism) Name() string { return s.m.Name() }

func (s scramMechanism) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	host := ""
	if md := sasl.MetadataFromContext(ctx); md != nil {
		host = md.Host
	}
	session, first, err := s.m.Authenticate(ctx, host)
	return scramSession{session}, first, err
}

type scramSession struct{ s kgosasl.Session }

func (s scramSession) Next(_ context.Context, challenge []byte) (bool, []byte, error) {
	return s.s.Challenge(challenge)
}
