package main

import (
	"testing"

	"github.com/driftd/driftd/internal/config"
)

// Paths of the command line begin at the working folder, those of a config at its own.
func TestPathsBesideTheConfig(t *testing.T) {
	for _, c := range []struct{ out, ca, want string }{
		{"driftd.yml", "ca.pem", "ca.pem"},
		{"etc/driftd.yml", "ca.pem", "../ca.pem"},
		{"etc/driftd.yml", "etc/ca.pem", "ca.pem"},
		{"etc/driftd.yml", "/ssl/ca.pem", "/ssl/ca.pem"},
		{"-", "ca.pem", "ca.pem"},
		{"etc/driftd.yml", "", ""},
	} {
		given := config.Kafka{TLS: &config.TLS{CAFile: c.ca}, SASL: &config.SASL{Password: config.Secret{File: c.ca}}}
		k := beside(given, c.out)
		if k.TLS.CAFile != c.want || k.SASL.Password.File != c.want || given.TLS.CAFile != c.ca {
			t.Errorf("%s for %s: %q, want %q", c.ca, c.out, k.TLS.CAFile, c.want)
		}
	}
}
