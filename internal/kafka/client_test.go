package kafka

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func readAll(t *testing.T, cl *kfake.Cluster, topic string, n int) (recs []*kgo.Record) {
	t.Helper()
	k := newKgo(t, cl, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	for len(recs) < n {
		fs := k.PollFetches(testCtx(t))
		if err := fs.Err(); err != nil {
			t.Fatal(err)
		}
		recs = append(recs, fs.Records()...)
	}
	return recs
}

func TestProduce(t *testing.T) {
	cl := newCluster(t, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "8388608"}))
	c, _ := newClient(t, cl)
	ctx := testCtx(t)
	if err := c.EnsureTopics(ctx, []TopicSpec{{Name: "t", Partitions: 1}}); err != nil {
		t.Fatal(err)
	}
	var recs []Record
	for i := range 5000 { // about 5 MB: several batches
		recs = append(recs, Record{Time: time.UnixMilli(1_700_000_000_000 + int64(i)), Key: fmt.Append(nil, i), Value: []byte(strings.Repeat("x", 1000)),
			Headers: []Header{{"h", fmt.Append(nil, i)}}})
	}
	big := make([]byte, 3<<20) // one record that is larger than a batch
	if _, err := rand.Read(big); err != nil {
		t.Fatal(err)
	}
	recs = append(recs, Record{Value: big}, Record{Key: []byte("tombstone")})
	if base, err := c.Produce(ctx, "t", 0, recs); err != nil || base != 0 {
		t.Fatalf("base offset %d, error %v", base, err)
	}
	if base, err := c.Produce(ctx, "t", 0, recs[:1]); err != nil || base != 5002 {
		t.Fatalf("base offset %d, error %v", base, err)
	}
	for i, r := range readAll(t, cl, "t", 5003)[:5002] {
		want := &recs[i]
		if r.Offset != int64(i) || string(r.Key) != string(want.Key) || string(r.Value) != string(want.Value) || (r.Value == nil) != (want.Value == nil) {
			t.Fatalf("record %d differs", i)
		}
		if i < 5000 && (!r.Timestamp.Equal(want.Time) || len(r.Headers) != 1 || string(r.Headers[0].Value) != string(want.Headers[0].Value)) {
			t.Fatalf("record %d: time or headers differ", i)
		}
		if i >= 5000 && time.Since(r.Timestamp).Abs() > time.Minute {
			t.Fatalf("record %d: time %v", i, r.Timestamp)
		}
	}
	if base, err := c.Produce(ctx, "t", 0, nil); err != nil || base != -1 {
		t.Errorf("nothing: %d, %v", base, err)
	}
	_, err := c.Produce(ctx, "t", 0, []Record{{Value: append(big, append(big, big...)...)}})
	if !errors.Is(err, kafkago.MessageSizeTooLarge) {
		t.Errorf("9 MiB: %v", err)
	}
}

func TestProduceRetries(t *testing.T) {
	cl := newCluster(t, kfake.NumBrokers(3), kfake.SeedTopics(1, "t"))
	c, r := newClient(t, cl)
	for _, e := range []*kerr.Error{kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.RequestTimedOut, kerr.UnknownTopicOrPartition} {
		cl.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: e})
	}
	if _, err := c.Produce(testCtx(t), "t", 0, []Record{{Value: []byte("1")}}); err != nil {
		t.Fatal(err)
	}
	if n := r.count("produce"); n != 4 {
		t.Errorf("%d retries were counted, want 4", n)
	}
	for n := range int32(3) { // wherever the leader goes
		if err := cl.MoveTopicPartition("t", 0, n); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Produce(testCtx(t), "t", 0, []Record{{Value: []byte("2")}}); err != nil {
			t.Fatal(err)
		}
	}

	// For good.
	for _, e := range []*kerr.Error{kerr.TopicAuthorizationFailed, kerr.MessageTooLarge, kerr.InvalidTimestamp} {
		cl.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: e})
		_, err := c.Produce(testCtx(t), "t", 0, []Record{{Value: []byte("1")}})
		if !errors.Is(err, kafkago.Error(e.Code)) || !strings.Contains(err.Error(), "t/0") {
			t.Errorf("%v: got %v", e, err)
		}
	}
	// Until the context ends; what kept failing is told.
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	_, err := c.Produce(ctx, "missing", 0, []Record{{Value: []byte("1")}})
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrUnknownTopic) {
		t.Errorf("a missing topic: %v", err)
	}
}

func TestTopics(t *testing.T) {
	cl := newCluster(t, kfake.AllowAutoTopicCreation())
	c, _ := newClient(t, cl)
	ctx := testCtx(t)
	if _, err := c.Partitions(ctx, "t"); !errors.Is(err, ErrUnknownTopic) {
		t.Errorf("a missing topic: %v", err)
	}
	if _, err := c.DescribeTopicConfig(ctx, "t"); !errors.Is(err, ErrUnknownTopic) {
		t.Errorf("a missing topic's settings: %v", err)
	}
	if cl.TopicInfo("t") != nil {
		t.Fatal("asking for a topic has made it")
	}
	spec := []TopicSpec{{Name: "t", Partitions: 3, Configs: map[string]string{"cleanup.policy": "compact", "max.message.bytes": "8388608"}}}
	for range 2 { // existing is fine
		if err := c.EnsureTopics(ctx, spec); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := c.Partitions(ctx, "t"); n != 3 || err != nil {
		t.Errorf("%d partitions, %v", n, err)
	}
	cfg, err := c.DescribeTopicConfig(ctx, "t")
	if err != nil || cfg["cleanup.policy"] != "compact" || cfg["max.message.bytes"] != "8388608" {
		t.Errorf("settings %v, %v", cfg, err)
	}
	cl.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Err: kerr.TopicAuthorizationFailed})
	if err := c.EnsureTopics(ctx, []TopicSpec{{Name: "other", Partitions: 1}}); !errors.Is(err, kafkago.TopicAuthorizationFailed) || !strings.Contains(err.Error(), "topic other") {
		t.Errorf("not authorized: %v", err)
	}
	// Another process has just made it, and the broker that is asked has not heard.
	cl.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Topic: "late", Err: kerr.TopicAlreadyExists})
	heard := time.AfterFunc(300*time.Millisecond, func() { _ = cl.CreateTopic("late", 2, nil) })
	defer heard.Stop()
	if err := c.EnsureTopics(ctx, []TopicSpec{{Name: "late", Partitions: 2}}); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Partitions(ctx, "late"); n != 2 || err != nil {
		t.Errorf("a topic that was just made has %d partitions: %v", n, err)
	}
	// Growth is seen at once.
	req := kmsg.NewPtrCreatePartitionsRequest()
	rt := kmsg.NewCreatePartitionsRequestTopic()
	rt.Topic, rt.Count = "t", 5
	req.Topics = append(req.Topics, rt)
	if _, err := req.RequestWith(ctx, newKgo(t, cl)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Partitions(ctx, "t"); n != 5 || err != nil {
		t.Errorf("%d partitions after growth, %v", n, err)
	}
}

func TestOffsets(t *testing.T) {
	cl := newCluster(t, kfake.NumBrokers(2), kfake.SeedTopics(3, "t"))
	c, r := newClient(t, cl)
	ctx := testCtx(t)
	k := newKgo(t, cl)
	t0 := time.UnixMilli(1_700_000_000_000)
	for p := range int32(2) {
		for i := range 10 {
			mustProduce(t, k, &kgo.Record{Topic: "t", Partition: p, Timestamp: t0.Add(time.Duration(i) * time.Second), Value: []byte("x")})
		}
	}
	if err := cl.DeleteRecords("t", 0, 3); err != nil {
		t.Fatal(err)
	}
	tx := newKgo(t, cl, kgo.TransactionalID("tx"))
	if err := tx.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	mustProduce(t, tx, &kgo.Record{Topic: "t", Partition: 1, Timestamp: t0.Add(time.Hour), Value: []byte("open")})
	cl.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Err: kerr.NotLeaderForPartition})
	for name, tc := range map[string]struct {
		at   At
		want [3]int64
	}{
		"start":           {AtStart, [3]int64{3, 0, 0}},
		"end":             {AtEnd, [3]int64{10, 11, 0}},
		"stable":          {AtStable, [3]int64{10, 10, 0}},
		"a time":          {AtTime(t0.Add(4500 * time.Millisecond)), [3]int64{5, 5, 0}},
		"before all":      {AtTime(t0.Add(-time.Hour)), [3]int64{3, 0, 0}},
		"after all (end)": {AtTime(t0.Add(2 * time.Hour)), [3]int64{10, 11, 0}},
	} {
		got, err := c.Offsets(ctx, "t", []int{0, 1, 2, 1}, tc.at)
		if err != nil || len(got) != 3 || got[0] != tc.want[0] || got[1] != tc.want[1] || got[2] != tc.want[2] {
			t.Errorf("%s: got %v, error %v, want %v", name, got, err, tc.want)
		}
	}
	if r.count("offsets") != 1 {
		t.Errorf("%d retries", r.count("offsets"))
	}
	if _, err := c.Offsets(ctx, "missing", []int{0}, AtEnd); !errors.Is(err, ErrUnknownTopic) {
		t.Errorf("a missing topic: %v", err)
	}
}

func TestCommits(t *testing.T) {
	cl := newCluster(t, kfake.SeedTopics(3, "t"))
	c, r := newClient(t, cl)
	ctx := testCtx(t)
	got, err := c.CommittedOffsets(ctx, "g", "t", []int{0, 1})
	if err != nil || got[0] != (Committed{Offset: -1}) || got[1] != (Committed{Offset: -1}) {
		t.Fatalf("nothing committed: %v, %v", got, err)
	}
	meta := `{"v":1,"epoch":1795562254876,"F":1795562220000,"S":17,"T0":1795000000000,"ü":"\u0000"}`
	cl.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.NotCoordinator})
	if err := c.CommitOffsets(ctx, "g", -1, "", "t", []Commit{{0, 5, meta}, {2, 7, ""}}); err != nil {
		t.Fatal(err)
	}
	if r.count("commit") != 1 {
		t.Errorf("%d retries", r.count("commit"))
	}
	got, err = c.CommittedOffsets(ctx, "g", "t", []int{0, 1, 2})
	if err != nil || got[0] != (Committed{5, meta}) || got[1].Offset != -1 || got[2] != (Committed{7, ""}) {
		t.Fatalf("got %v, %v", got, err)
	}
	if err := c.CommitOffset(ctx, "g", 3, "nobody", "t", 0, 6, ""); !errors.Is(err, ErrFenced) {
		t.Errorf("a member that is none: %v", err)
	}
	for _, e := range []*kerr.Error{kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.RebalanceInProgress} {
		cl.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: e})
		if err := c.CommitOffset(ctx, "g", -1, "", "t", 0, 6, ""); !errors.Is(err, ErrFenced) || !errors.Is(err, kafkago.Error(e.Code)) {
			t.Errorf("%v: got %v", e, err)
		}
	}
	if got, _ := c.CommittedOffsets(ctx, "g", "t", []int{0}); got[0].Offset != 5 {
		t.Errorf("a fenced commit has moved the offset to %d", got[0].Offset)
	}
}

func TestSASL(t *testing.T) {
	for mech, name := range map[string]string{"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "SCRAM-SHA-512": "SCRAM-SHA-512"} {
		cl := newCluster(t, kfake.EnableSASL(), kfake.Superuser(name, "driftd", "pass=wörd,"))
		for password, ok := range map[string]bool{"pass=wörd,": true, "wrong": false} {
			m, err := SASL(mech, "driftd", password)
			if err != nil {
				t.Fatal(err)
			}
			c, err := New(Config{Brokers: cl.ListenAddrs(), SASL: m})
			if err != nil {
				t.Fatal(err)
			}
			// Kafka answers a wrong password with [58], which is for good; kfake drops
			// the connection, which is not.
			wait := 400 * time.Millisecond
			if ok {
				wait = 5 * time.Second
			}
			ctx, cancel := context.WithTimeout(context.Background(), wait)
			_, err = c.Partitions(ctx, "t")
			if ok != errors.Is(err, ErrUnknownTopic) {
				t.Errorf("%s, password %s: %v", mech, password, err)
			}
			conn, err := c.Dialer().DialContext(ctx, "tcp", cl.ListenAddrs()[0])
			if (err == nil) != ok {
				t.Errorf("%s, password %s, dialer: %v", mech, password, err)
			}
			if err == nil {
				conn.Close()
			}
			cancel()
			c.Close()
		}
	}
	if _, err := SASL("gssapi", "", ""); err == nil {
		t.Error("gssapi was taken")
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "broker"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca, keyFile := write("ca.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", keyDER)
	cl := newCluster(t, kfake.SeedTopics(2, "t"), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}))

	for name, tc := range map[string]struct {
		ca, cert, key string
		ok            bool
	}{"own CA": {ca: ca, ok: true}, "client certificate": {ca, ca, keyFile, true}, "system's CAs": {}} {
		cfg, err := TLSConfig(tc.ca, tc.cert, tc.key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := New(Config{Brokers: cl.ListenAddrs(), TLS: cfg})
		if err != nil {
			t.Fatal(err)
		}
		n, err := c.Partitions(testCtx(t), "t")
		if (err == nil && n == 2) != tc.ok {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		c.Close()
	}
	for name, files := range map[string][3]string{"no such CA": {"no.pem"}, "a key is no CA": {keyFile}, "certificate alone": {"", ca, ""}, "certificate for key": {"", keyFile, keyFile}} {
		if _, err := TLSConfig(files[0], files[1], files[2]); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestNew(t *testing.T) {
	for _, brokers := range [][]string{nil, {"host-without-port"}} {
		if _, err := New(Config{Brokers: brokers}); err == nil {
			t.Errorf("%v was taken", brokers)
		}
	}
	cl := newCluster(t)
	c, _ := newClient(t, cl)
	c.Close()
	if _, err := c.Partitions(testCtx(t), "t"); !errors.Is(err, errClosed) {
		t.Errorf("after Close: %v", err)
	}
}
