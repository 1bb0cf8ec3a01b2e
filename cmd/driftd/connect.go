package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/driftd/driftd/internal/config"
)

// connectFlags say how to reach a cluster where there is no config yet. They are
// the keys kafka.tls and kafka.sasl of one.
type connectFlags struct {
	Brokers      string `required:"" placeholder:"HOST:PORT,.." help:"Kafka brokers."`
	TLS          bool   `name:"tls" help:"Speak TLS with the brokers; the --tls flags below imply it."`
	TLSCA        string `name:"tls-ca" placeholder:"FILE" help:"Certificates (PEM) of those who sign the brokers' (default: the system's)."`
	TLSCert      string `name:"tls-cert" placeholder:"FILE" help:"driftd's own certificate (PEM); needs --tls-key."`
	TLSKey       string `name:"tls-key" placeholder:"FILE" help:"The key (PEM) of --tls-cert."`
	SASL         string `name:"sasl" placeholder:"MECHANISM" help:"plain, scram-sha-256 or scram-sha-512."`
	SASLUser     string `name:"sasl-username" placeholder:"NAME" help:"driftd's name in the cluster."`
	SASLFile     string `name:"sasl-password-file" placeholder:"FILE" help:"File that holds the password and nothing else."`
	SASLVariable string `name:"sasl-password-env" placeholder:"VARIABLE" help:"Environment variable that holds the password."`
}

// kafka is the section of a config that says the same.
func (f *connectFlags) kafka() (config.Kafka, error) {
	k := config.Default().Kafka
	for b := range strings.SplitSeq(f.Brokers, ",") {
		if b = strings.TrimSpace(b); b != "" {
			k.Brokers = append(k.Brokers, b)
		}
	}
	if f.TLS || f.TLSCA != "" || f.TLSCert != "" || f.TLSKey != "" {
		k.TLS = &config.TLS{CAFile: f.TLSCA, CertFile: f.TLSCert, KeyFile: f.TLSKey}
	}
	if f.SASL == "" {
		if f.SASLUser != "" || f.SASLFile != "" || f.SASLVariable != "" {
			return k, errors.New("--sasl is missing: say plain, scram-sha-256 or scram-sha-512")
		}
		return k, nil
	}
	if f.SASLUser == "" || (f.SASLFile == "") == (f.SASLVariable == "") {
		return k, fmt.Errorf("--sasl %s needs --sasl-username, and one of --sasl-password-file and --sasl-password-env", f.SASL)
	}
	k.SASL = &config.SASL{Mechanism: strings.ToLower(f.SASL), Username: f.SASLUser, Password: config.Secret{File: f.SASLFile, Env: f.SASLVariable}}
	return k, nil
}
