//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/driftd/driftd/e2e/stack"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/oracle"
	"github.com/driftd/driftd/internal/wire"
)

// site is what runs with faults share: the servers, each behind a proxy. Each run
// has topics, tables, an Alertmanager and processes of its own.
type site struct {
	bin, dir  string
	ca        *authority
	brokers   []*stack.Kafka
	links     []*stack.Proxy // of the brokers
	ch        *stack.ClickHouse
	chLink    *stack.Proxy
	seeds     []string      // the brokers' plain listeners, past the proxies
	client    *kafka.Client // of the administrator
	born      time.Time     // when events begin
	bundle    *wire.Bundle
	reference string // its file
}

const faultSecret = "the-brokers-password"

func newSite(t *testing.T) *site {
	t.Helper()
	ctx := contextOf(t, 3*time.Minute)
	s := &site{bin: driftdBinary(t), dir: t.TempDir(), born: time.Now().UTC().Truncate(time.Hour).Add(-14 * time.Hour)}
	s.ca = newAuthority(t, t.TempDir())
	s.ca.write(t, "kafka.password", []byte(faultSecret))
	_, _, keystore := s.ca.sign(t, "broker")
	var err error
	s.brokers, err = stack.StartKafkaCluster(ctx, s.dir, 3, stack.Security{CA: s.ca.ca(), Keystore: keystore, Users: map[string]string{"driftd": faultSecret}}, func(_ int, secure string) (string, error) {
		p, err := stack.StartProxy(secure)
		if err != nil {
			return "", err
		}
		t.Cleanup(p.Stop)
		s.links = append(s.links, p)
		return p.Addr, nil
	})
	must(t, err)
	for _, b := range s.brokers {
		t.Cleanup(b.Kill9)
		s.seeds = append(s.seeds, b.Bootstrap)
	}
	s.client, err = kafka.New(kafka.Config{Brokers: s.seeds})
	must(t, err)
	t.Cleanup(s.client.Close)
	s.ch = startClickHouse(t)
	s.chLink, err = stack.StartProxy(s.ch.Native)
	must(t, err)
	t.Cleanup(s.chLink.Stop)

	s.bundle, err = oracle.Reference(s.born)
	must(t, err)
	raw, err := s.bundle.File()
	must(t, err)
	s.reference = filepath.Join(s.dir, "m.ref")
	must(t, os.WriteFile(s.reference, raw, 0o600))
	return s
}

// admin is a client that may do everything, of users' programs.
func (s *site) admin(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(s.seeds...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))...)
	must(t, err)
	t.Cleanup(cl.Close)
	return cl
}
