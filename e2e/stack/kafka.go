package stack

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/segmentio/kafka-go"
)

//go:embed kafka/pom.xml
var kafkaPOM []byte

//go:embed kafka/log4j2.xml
var kafkaLog4j []byte

// clusterID is any 22 characters of base64; a fixed one keeps the data of a run readable by the next.
const clusterID = "ZHJpZnRkLWUyZS1rYWZrYQ"

// maxMessage lets driftd's internal topics have records of 8 MiB, and a batch more than one of them.
const maxMessage = 16 << 20

// Kafka is one node, broker and controller at once.
type Kafka struct {
	server
	Bootstrap string // host:port, plain text
	Secure    string // host:port of the listener that wants TLS and SASL; empty without one
	id        int
}

// Security is a second listener, with TLS, SCRAM-SHA-512 and access control lists. Who comes by the plain one is the
// administrator.
type Security struct {
	CA, Keystore string            // PEM files: who signs, and the broker's key with its certificate
	Clients      bool              // clients must have a certificate that CA has signed
	Users        map[string]string // name -> password
}

// StartKafka starts a new Kafka whose data and log are kept under dir.
func StartKafka(ctx context.Context, dir string) (*Kafka, error) { return startKafka(ctx, dir, nil) }

// StartSecureKafka is StartKafka with a listener that only lets in who may.
func StartSecureKafka(ctx context.Context, dir string, s Security) (*Kafka, error) {
	return startKafka(ctx, dir, &s)
}

// StartKafkaCluster starts nodes that replicate everything among each other, and
// take writes as long as two of them live. via, when given, is told where a node's
// secure listener is and says what clients are told instead, such as a proxy of it.
func StartKafkaCluster(ctx context.Context, dir string, nodes int, s Security, via func(node int, secure string) (string, error)) ([]*Kafka, error) {
	ports, err := freePorts(3 * nodes)
	if err != nil {
		return nil, err
	}
	var specs []node
	for i := range nodes {
		n := node{id: i + 1, port: ports[3*i], controller: ports[3*i+1], secure: ports[3*i+2], replication: min(nodes, 3)}
		n.advertised = fmt.Sprintf("127.0.0.1:%d", n.secure)
		if via != nil {
			if n.advertised, err = via(i, n.advertised); err != nil {
				return nil, err
			}
		}
		specs = append(specs, n)
	}
	var voters []string
	for _, n := range specs {
		voters = append(voters, fmt.Sprintf("%d@127.0.0.1:%d", n.id, n.controller))
	}
	out, errs := make([]*Kafka, nodes), make([]error, nodes)
	var wg sync.WaitGroup
	for i, n := range specs {
		n.voters = strings.Join(voters, ",")
		wg.Go(func() { out[i], errs[i] = startNode(ctx, filepath.Join(dir, fmt.Sprint("node", n.id)), n, &s) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		for _, k := range out {
			if k != nil {
				k.Kill9()
			}
		}
		return nil, err
	}
	return out, nil
}

func startKafka(ctx context.Context, dir string, sec *Security) (*Kafka, error) {
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	n := node{id: 1, port: ports[0], controller: ports[1], secure: ports[2], replication: 1}
	n.voters, n.advertised = fmt.Sprintf("1@127.0.0.1:%d", n.controller), fmt.Sprintf("127.0.0.1:%d", n.secure)
	return startNode(ctx, dir, n, sec)
}

// node is one of a cluster's.
type node struct {
	id                       int
	port, controller, secure int
	advertised               string // where clients find the secure listener
	voters                   string
	replication              int
}

func startNode(ctx context.Context, dir string, n node, sec *Security) (*Kafka, error) {
	lib, err := installed("kafka", "lib")
	if err != nil {
		return nil, err
	}
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, fmt.Errorf("start kafka: %w: run go run ./e2e/stack/cmd/stack install", err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("start kafka: %w", err)
	}
	home := filepath.Join(dir, "kafka")
	properties := filepath.Join(home, "server.properties")
	log4j := filepath.Join(filepath.Dir(lib), "log4j2.xml")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return nil, fmt.Errorf("start kafka: %w", err)
	}
	if err := os.WriteFile(properties, []byte(n.properties(home, sec)), 0o644); err != nil {
		return nil, fmt.Errorf("start kafka: %w", err)
	}
	common := []string{"-XX:+UseSerialGC", "-Dlog4j2.configurationFile=" + log4j, "-cp", filepath.Join(lib, "*")}

	format := append([]string{"-Xmx128m", "-XX:TieredStopAtLevel=1"}, common...)
	format = append(format, "kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", clusterID, "-c", properties)
	if sec != nil {
		for name, password := range sec.Users {
			format = append(format, "--add-scram", fmt.Sprintf("SCRAM-SHA-512=[name=%s,password=%s]", name, password))
		}
	}
	if out, err := exec.CommandContext(ctx, java, format...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("format the storage of kafka in %s: %w\n%s", home, err, out)
	}

	k := &Kafka{Bootstrap: fmt.Sprintf("127.0.0.1:%d", n.port), id: n.id}
	if sec != nil {
		k.Secure = n.advertised
	}
	k.name = "kafka"
	k.argv = append([]string{java, "-Xms128m", "-Xmx512m"}, append(common, "kafka.Kafka", properties)...)
	k.log = filepath.Join(dir, "kafka.log")
	k.ready = k.answers
	if err := k.start(ctx); err != nil {
		return nil, err
	}
	return k, nil
}

// answers tells whether the broker has registered with its controller: before that it accepts connections, but no topic
// can be made.
func (k *Kafka) answers(ctx context.Context) error {
	conn, err := kafka.DialContext(ctx, "tcp", k.Bootstrap)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	brokers, err := conn.Brokers()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(brokers, func(b kafka.Broker) bool { return b.ID == k.id }) {
		return errors.New("the broker has not registered yet")
	}
	_, err = conn.Controller()
	return err
}

func (n *node) properties(home string, sec *Security) string {
	plain := fmt.Sprintf("PLAINTEXT://127.0.0.1:%d", n.port)
	listeners := fmt.Sprintf("listeners=%s,CONTROLLER://127.0.0.1:%d\nadvertised.listeners=%s\n", plain, n.controller, plain)
	if sec != nil {
		listeners = fmt.Sprintf("listeners=%s,CONTROLLER://127.0.0.1:%d,SASL_SSL://127.0.0.1:%d\nadvertised.listeners=%s,SASL_SSL://%s\n", plain, n.controller, n.secure, plain, n.advertised)
	}
	r := strings.NewReplacer("$HOME", home, "$ID", fmt.Sprint(n.id), "$VOTERS", n.voters, "$MAX", fmt.Sprint(maxMessage), "$RF", fmt.Sprint(n.replication), "$ISR", fmt.Sprint(max(n.replication-1, 1)))
	return listeners + secureProperties(sec) + r.Replace(`process.roles=broker,controller
node.id=$ID
controller.quorum.voters=$VOTERS
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
inter.broker.listener.name=PLAINTEXT
log.dirs=$HOME/data
message.max.bytes=$MAX
replica.fetch.max.bytes=$MAX
auto.create.topics.enable=false
default.replication.factor=$RF
min.insync.replicas=$ISR
offsets.topic.replication.factor=$RF
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=$RF
transaction.state.log.min.isr=$ISR
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=$RF
share.coordinator.state.topic.min.isr=$ISR
group.initial.rebalance.delay.ms=0
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=200
log.cleaner.dedupe.buffer.size=16777216
log.cleaner.backoff.ms=500
num.network.threads=2
num.io.threads=4
`)
}

func secureProperties(sec *Security) string {
	if sec == nil {
		return ""
	}
	auth := "none"
	if sec.Clients {
		auth = "required"
	}
	return strings.NewReplacer("$CA", sec.CA, "$KEYSTORE", sec.Keystore, "$AUTH", auth).Replace(`authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=false
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location=$KEYSTORE
ssl.truststore.type=PEM
ssl.truststore.location=$CA
listener.name.sasl_ssl.ssl.client.auth=$AUTH
`)
}
