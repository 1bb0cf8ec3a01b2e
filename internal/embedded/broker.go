package embedded

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Options of the broker.
type Options struct {
	// MinSession is the shortest session timeout that a consumer group may ask
	// for. Zero: 100 ms, so that tests of rebalances need not wait for the 6 s of
	// a real broker.
	MinSession time.Duration
	// Topics are made at the start, with their number of partitions.
	Topics map[string]int
	// DataDir, when set, keeps the records there beyond the process's end.
	DataDir string
}

// Broker is a Kafka broker inside this process, listening on the loopback
// interface. What it holds lives in memory: one broker, no replication.
type Broker struct {
	Addr    string // host:port
	cluster *kfake.Cluster
}

// Start starts a broker on a free port.
func Start(o Options) (*Broker, error) {
	if o.MinSession == 0 {
		o.MinSession = 100 * time.Millisecond
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.GroupMinSessionTimeout(o.MinSession),
		// driftd's profiles are larger than the megabyte that a topic takes by default.
		kfake.BrokerConfigs(map[string]string{"message.max.bytes": "8388608"}),
	}
	for topic, n := range o.Topics {
		opts = append(opts, kfake.SeedTopics(int32(n), topic))
	}
	if o.DataDir != "" {
		opts = append(opts, kfake.DataDir(o.DataDir))
	}
	c, err := kfake.NewCluster(opts...)
	if err != nil {
		return nil, fmt.Errorf("embedded: start a broker: %w", err)
	}
	return &Broker{Addr: c.ListenAddrs()[0], cluster: c}, nil
}

// Close ends the broker and drops its connections.
func (b *Broker) Close() { b.cluster.Close() }
