package inspect

import (
	"testing"

	"github.com/driftd/driftd/internal/config"
	"github.com/google/go-cmp/cmp"
)

// The way to the cluster is in the config as it was given.
func TestClusterInYAML(t *testing.T) {
	r := Inspect([]Record{{Value: []byte(`{"features":{"a":1}}`), Time: -1}}, Options{Topic: "t"})
	for _, change := range []func(*config.Kafka){
		func(*config.Kafka) {},
		func(k *config.Kafka) { k.Brokers = []string{"[::1]:9092", "k-2.example:9093"} },
		func(k *config.Kafka) { k.TLS = &config.TLS{} },
		func(k *config.Kafka) {
			k.TLS = &config.TLS{CAFile: "../a dir/ca.pem", CertFile: "c.pem", KeyFile: "k.pem"}
		},
		func(k *config.Kafka) {
			k.SASL = &config.SASL{Mechanism: "plain", Username: `it's "me"`, Password: config.Secret{File: "/run/secrets/kafka"}}
		},
		func(k *config.Kafka) {
			k.SASL = &config.SASL{Mechanism: "scram-sha-512", Username: "on", Password: config.Secret{Env: "KAFKA_PASSWORD"}}
		},
	} {
		want := config.Default().Kafka
		want.Brokers = []string{"localhost:9092"}
		change(&want)
		text, err := r.YAML(want)
		if err != nil {
			t.Error(err)
			continue
		}
		got, err := config.Parse("driftd.yml", text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Kafka); diff != "" {
			t.Errorf("%s\n%s", diff, text)
		}
	}
}
