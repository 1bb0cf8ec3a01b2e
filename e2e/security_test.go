//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/crypto/bcrypt"

	"github.com/driftd/driftd/e2e/stack"
	"github.com/driftd/driftd/internal/kafka"
)

// authority signs certificates that live for a day.
type authority struct {
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T, dir string) *authority {
	t.Helper()
	a := &authority{dir: dir}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	must(t, err)
	a.cert, err = x509.ParseCertificate(der)
	must(t, err)
	a.write(t, "ca.pem", pemOf("CERTIFICATE", der))
	return a
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func (a *authority) write(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(a.dir, name)
	must(t, os.WriteFile(path, b, 0o600))
	return path
}

func (a *authority) ca() string { return filepath.Join(a.dir, "ca.pem") }

// sign makes a certificate of 127.0.0.1 and its key, and a file with both.
func (a *authority) sign(t *testing.T, name string) (cert, key, both string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &k.PublicKey, a.key)
	must(t, err)
	pk, err := x509.MarshalPKCS8PrivateKey(k)
	must(t, err)
	certPEM, keyPEM := pemOf("CERTIFICATE", der), pemOf("PRIVATE KEY", pk)
	return a.write(t, name+".crt", certPEM), a.write(t, name+".key", keyPEM), a.write(t, name+".pem", append(keyPEM, certPEM...))
}

// terminator speaks TLS in front of a server that does not.
func terminator(t *testing.T, to, cert, key string) (addr string) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	must(t, err)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close()
				out, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer out.Close()
				go func() {
					_, _ = io.Copy(out, in) // an end on one side ends the other
					_ = out.Close()
				}()
				_, _ = io.Copy(in, out)
			}()
		}
	}()
	return l.Addr().String()
}

// grant carries out the lines of deploy/kafka/acls.sh.
func grant(ctx context.Context, t *testing.T, admin *kgo.Client, user string, sources ...string) {
	t.Helper()
	b, err := os.ReadFile("../deploy/kafka/acls.sh")
	must(t, err)
	operations := map[string]kmsg.ACLOperation{"Read": kmsg.ACLOperationRead, "Write": kmsg.ACLOperationWrite, "Describe": kmsg.ACLOperationDescribe,
		"Create": kmsg.ACLOperationCreate, "DescribeConfigs": kmsg.ACLOperationDescribeConfigs}
	req := kmsg.NewPtrCreateACLsRequest()
	for _, line := range regexp.MustCompile(`(?m)^\s*allow (--.*)$`).FindAllStringSubmatch(string(b), -1) {
		names := []string{regexp.MustCompile(`--(?:topic|group) (\S+)`).FindStringSubmatch(line[1])[1]}
		if names[0] == `"$topic"` {
			names = sources
		}
		for _, op := range regexp.MustCompile(`--operation (\S+)`).FindAllStringSubmatch(line[1], -1) {
			for _, name := range names {
				acl := kmsg.NewCreateACLsRequestCreation()
				acl.ResourceType, acl.ResourceName, acl.ResourcePatternType = kmsg.ACLResourceTypeTopic, name, kmsg.ACLResourcePatternTypeLiteral
				if strings.Contains(line[1], "--group") {
					acl.ResourceType = kmsg.ACLResourceTypeGroup
				}
				if strings.Contains(line[1], "--resource-pattern-type prefixed") {
					acl.ResourcePatternType = kmsg.ACLResourcePatternTypePrefixed
				}
				acl.Principal, acl.Host, acl.PermissionType = "User:"+user, "*", kmsg.ACLPermissionTypeAllow
				var known bool
				if acl.Operation, known = operations[op[1]]; !known {
					t.Fatalf("acls.sh: operation %s", op[1])
				}
				req.Creations = append(req.Creations, acl)
			}
		}
	}
	if len(req.Creations) < 8 {
		t.Fatalf("acls.sh has %d permissions only", len(req.Creations))
	}
	res, err := req.RequestWith(ctx, admin)
	must(t, err)
	for _, r := range res.Results {
		must(t, kerr.ErrorForCode(r.ErrorCode))
	}
}

// Every link is encrypted and wants to know who driftd is: Kafka with TLS, a
// client certificate and SCRAM, ClickHouse behind TLS, driftd's own endpoints
// behind TLS and basic auth. driftd has the rights of deploy/kafka and no others.
// And nothing that it writes holds a secret, not even its stacks.
func TestSecureEverywhere(t *testing.T) {
	ctx := contextOf(t, 90*time.Second)
	dir, files := t.TempDir(), t.TempDir()
	bin := driftdBinary(t)
	ca := newAuthority(t, files)
	_, _, keystore := ca.sign(t, "broker")
	clientCert, clientKey, _ := ca.sign(t, "client")
	serverCert, serverKey, _ := ca.sign(t, "server")

	const kafkaSecret, chSecret, webSecret = "planted-kafka-Zq7", "planted-clickhouse-Zq7", "planted-web-Zq7"
	secrets := []string{kafkaSecret, chSecret, webSecret}
	for i, name := range []string{"kafka.password", "ch.password", "am.password"} {
		ca.write(t, name, []byte(secrets[i]+"\n"))
	}

	k, err := stack.StartSecureKafka(contextOf(t, 2*time.Minute), dir, stack.Security{CA: ca.ca(), Keystore: keystore, Clients: true, Users: map[string]string{"driftd": kafkaSecret}})
	must(t, err)
	t.Cleanup(k.Stop)
	admin, err := kgo.NewClient(kgo.SeedBrokers(k.Bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	must(t, err)
	t.Cleanup(admin.Close)
	plain, err := kafka.New(kafka.Config{Brokers: []string{k.Bootstrap}})
	must(t, err)
	t.Cleanup(plain.Close)
	must(t, plain.EnsureTopics(ctx, []kafka.TopicSpec{{Name: "predictions", Partitions: 2, Replication: 1}, {Name: "salaries", Partitions: 1, Replication: 1}}))
	grant(ctx, t, admin, "driftd", "predictions")

	ch, err := stack.StartClickHouseWith(contextOf(t, 2*time.Minute), dir, chSecret)
	must(t, err)
	t.Cleanup(ch.Kill9)
	chTLS := terminator(t, ch.Native, serverCert, serverKey)

	listen, out, log := freeAddr(t), filepath.Join(dir, "results.jsonl"), filepath.Join(dir, "driftd.log")
	hash, err := bcrypt.GenerateFromPassword([]byte(webSecret), bcrypt.MinCost)
	must(t, err)
	ca.write(t, "web.yml", fmt.Appendf(nil, "tls_server_config: {cert_file: %q, key_file: %q}\nbasic_auth_users: {prometheus: %q}\n", serverCert, serverKey, hash))
	config := filepath.Join(files, "driftd.yml")
	must(t, os.WriteFile(config, fmt.Appendf(nil, `
kafka:
  brokers: [%q]
  replication: 1
  tls: {ca_file: ca.pem, cert_file: %q, key_file: %q}
  sasl: {mechanism: scram-sha-512, username: driftd, password_file: kafka.password}
sources: [{topic: predictions, model: shop, idle_timeout: 30m, deadletters: headers}]
defaults: {windows: [1h]}
sinks:
  file: {path: %q}
  clickhouse: {addresses: [%q], database: driftd, username: driftd, password_file: ch.password, tls: true}
alerts: {alertmanagers: [{url: "https://127.0.0.1:1", username: driftd, password_file: am.password}]}
http: {listen: %q, web_config_file: web.yml}
start: earliest
`, k.Secure, filepath.Base(clientCert), filepath.Base(clientKey), out, chTLS, listen), 0o600))
	// ClickHouse's certificate is one of the system's: SSL_CERT_FILE says which these are.
	t.Setenv("SSL_CERT_FILE", ca.ca())
	t.Cleanup(func() {
		if b, _ := os.ReadFile(log); t.Failed() {
			t.Logf("driftd's log:\n%s", b[max(0, len(b)-6000):])
		}
	})

	start := time.Now().UTC().Truncate(time.Hour).Add(-5 * time.Hour)
	for p := range 2 {
		recs := []kafka.Record{{Time: start, Value: []byte(`{"features":{"x":` + kafkaSecret)}} // no event, and a secret of somebody's in it
		for m := range 5 * 60 {
			recs = append(recs, kafka.Record{Time: start.Add(time.Duration(m) * time.Minute), Value: []byte(`{"features":{"x":1}}`)})
		}
		_, err := plain.Produce(ctx, "predictions", p, recs)
		must(t, err)
	}
	d := startDaemon(t, bin, config, log)
	conn := dialClickHouse(ctx, t, ch)
	until(ctx, t, "rows in ClickHouse", func() bool { return countWhere(ctx, conn, "driftd_windows", "model = 'shop'") >= 4 })
	status, _ := ca.get(t, "https://"+listen+"/metrics", "prometheus", "wrong")
	if status != http.StatusUnauthorized {
		t.Errorf("/metrics with a wrong password: %d", status)
	}
	status, metrics := ca.get(t, "https://"+listen+"/metrics", "prometheus", webSecret)
	if status != http.StatusOK || !bytes.Contains(metrics, []byte("driftd_dead_letters_total")) {
		t.Errorf("/metrics with the right password: %d", status)
	}

	// What driftd may not do, it cannot: its user writes to no source and reads no other topic.
	tlsConfig, err := kafka.TLSConfig(ca.ca(), clientCert, clientKey)
	must(t, err)
	auth, err := kafka.SASL("scram-sha-512", "driftd", kafkaSecret)
	must(t, err)
	as, err := kafka.New(kafka.Config{Brokers: []string{k.Secure}, TLS: tlsConfig, SASL: auth})
	must(t, err)
	t.Cleanup(as.Close)
	if _, err := as.Produce(ctx, "predictions", 0, []kafka.Record{{Value: []byte("{}")}}); err == nil || !strings.Contains(err.Error(), "Topic Authorization Failed") {
		t.Errorf("driftd's user writes to a source: %v", err)
	}
	short, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	if _, err := as.Offsets(short, "salaries", []int{0}, kafka.AtEnd); err == nil {
		t.Error("driftd's user reads a topic that is not its own")
	}
	// And nobody comes in without a certificate, or with a wrong password.
	bare, err := kafka.TLSConfig(ca.ca(), "", "")
	must(t, err)
	wrong, err := kafka.SASL("scram-sha-512", "driftd", "wrong")
	must(t, err)
	for what, c := range map[string]kafka.Config{"without a certificate": {TLS: bare, SASL: auth}, "with a wrong password": {TLS: tlsConfig, SASL: wrong}} {
		c.Brokers = []string{k.Secure}
		other, err := kafka.New(c)
		must(t, err)
		short, stop := context.WithTimeout(ctx, 5*time.Second)
		if _, err := other.Partitions(short, "predictions"); err == nil {
			t.Errorf("a client came in %s", what)
		}
		stop()
		other.Close()
	}

	must(t, d.cmd.Process.Signal(syscall.SIGQUIT)) // a crash: the stacks of all goroutines go to the log
	_ = d.cmd.Wait()
	_ = d.log.Close()
	written := map[string][]byte{"/metrics": metrics}
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.Contains(path, "clickhouse") || strings.Contains(path, string(filepath.Separator)+"kafka"+string(filepath.Separator)) {
			return err
		}
		b, err := os.ReadFile(path)
		written[path] = b
		return err
	}))
	for topic, b := range driftdsRecords(ctx, t, k.Bootstrap) {
		written[topic] = b
	}
	if !bytes.Contains(written[log], []byte("goroutine ")) {
		t.Error("the log has no stacks: was it a crash?")
	}
	for _, want := range []string{"driftd.deadletters", "driftd.results", "driftd.profiles", "driftd.state", log, out} {
		if len(written[want]) == 0 {
			t.Errorf("nothing was written to %s", want)
		}
	}
	for where, b := range written {
		for _, s := range secrets {
			if bytes.Contains(b, []byte(s)) {
				t.Errorf("%s holds the secret %s", where, s)
			}
		}
	}
	t.Logf("%d places were looked at", len(written))
}

// get asks a server whose certificate the authority has signed.
func (a *authority) get(t *testing.T, url, user, password string) (status int, body []byte) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	req, err := http.NewRequest(http.MethodGet, url, nil)
	must(t, err)
	req.SetBasicAuth(user, password)
	res, err := c.Do(req)
	must(t, err)
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	must(t, err)
	return res.StatusCode, body
}

// driftdsRecords is all that driftd's topics hold: keys, values, headers.
func driftdsRecords(ctx context.Context, t *testing.T, broker string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumeRegex(), kgo.ConsumeTopics(`driftd\..*`), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	must(t, err)
	defer cl.Close()
	for quiet := 0; quiet < 3; {
		short, stop := context.WithTimeout(ctx, time.Second)
		fetches := cl.PollFetches(short)
		stop()
		if fetches.NumRecords() == 0 {
			quiet++
		}
		for r := range fetches.RecordsAll() {
			b := append(append(out[r.Topic], r.Key...), r.Value...)
			for _, h := range r.Headers {
				b = append(append(b, h.Key...), h.Value...)
			}
			out[r.Topic] = b
		}
	}
	return out
}
