package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/createtopics"
	"github.com/segmentio/kafka-go/protocol/describegroups"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// Operations are what the user of this client may do with something, as the
// broker says it (KIP-430).
type Operations int32

// OperationsUnknown: the broker does not say, because it is older than Kafka 2.3
// or the thing does not exist.
const OperationsUnknown Operations = math.MinInt32

// The operations of Kafka's ACLs: bits of Operations.
const (
	Read            Operations = 1 << 3
	Write           Operations = 1 << 4
	Create          Operations = 1 << 5
	Describe        Operations = 1 << 8
	DescribeConfigs Operations = 1 << 10
)

// May says whether all the wanted operations are allowed; false too when the
// broker does not say.
func (o Operations) May(wanted Operations) bool {
	return o != OperationsUnknown && o != 0 && o&wanted == wanted
}

// Known says whether the broker has told what is allowed. A broker without an
// authorizer allows, and says, everything.
func (o Operations) Known() bool { return o != OperationsUnknown && o != 0 }

// Description is what a cluster says of itself, of topics and of what this
// client's user may do. It is asked once: nothing is retried.
type Description struct {
	Brokers []string // their advertised addresses, host:port
	Cluster Operations
	Topics  map[string]TopicDescription
}

// TopicDescription is what a cluster says of one topic.
type TopicDescription struct {
	Err         error // wraps ErrUnknownTopic, or is what kept the broker from telling; see Denied
	Partitions  int
	Leaderless  int // partitions without a leader
	Replication int // the fewest replicas of a partition
	Operations  Operations
}

// Denied says that an error is a refusal of rights. What names the right.
func Denied(err error) (what string, denied bool) {
	switch {
	case errors.Is(err, kafkago.TopicAuthorizationFailed):
		return "topic", true
	case errors.Is(err, kafkago.GroupAuthorizationFailed):
		return "group", true
	case errors.Is(err, kafkago.ClusterAuthorizationFailed):
		return "cluster", true
	}
	return "", false
}

// Describe asks about topics (nil: all, an empty list: none); one that is missing or hidden has an Err. No topic
// is made.
func (c *Client) Describe(ctx context.Context, topics []string) (*Description, error) {
	res, err := c.ask(ctx, anyBroker, requestTimeout, &metadata.Request{TopicNames: topics, IncludeClusterAuthorizedOperations: true, IncludeTopicAuthorizedOperations: true})
	if err != nil {
		return nil, fmt.Errorf("kafka: describe the cluster: %w", err)
	}
	m := res.(*metadata.Response)
	d := &Description{Cluster: Operations(m.ClusterAuthorizedOperations), Topics: map[string]TopicDescription{}}
	for _, b := range m.Brokers {
		d.Brokers = append(d.Brokers, net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))))
	}
	for _, name := range topics {
		d.Topics[name] = TopicDescription{Err: fmt.Errorf("kafka: topic %s: %w", name, ErrUnknownTopic)}
	}
	for _, t := range m.Topics {
		x := TopicDescription{Partitions: len(t.Partitions), Operations: Operations(t.TopicAuthorizedOperations)}
		for i, p := range t.Partitions {
			if p.LeaderID < 0 {
				x.Leaderless++
			}
			if n := len(p.ReplicaNodes); i == 0 || n < x.Replication {
				x.Replication = n
			}
		}
		switch err := codeError(t.ErrorCode); {
		case t.ErrorCode == int16(kafkago.UnknownTopicOrPartition):
			x.Err = fmt.Errorf("kafka: topic %s: %w", t.Name, ErrUnknownTopic)
		case err != nil:
			x.Err = fmt.Errorf("kafka: metadata of topic %s: %w", t.Name, err)
		}
		d.Topics[t.Name] = x
	}
	return d, nil
}

// GroupRights asks what this client's user may do with a consumer group, which
// need not exist. The error is a refusal (see Denied) or a failure to ask.
//
// It asks the brokers in turn until one is the group's coordinator, because to
// ask who that is makes the topic __consumer_offsets on a cluster that has not
// had a group yet; there, what is allowed stays unknown.
func (c *Client) GroupRights(ctx context.Context, group string) (Operations, error) {
	res, err := c.ask(ctx, anyBroker, requestTimeout, &metadata.Request{TopicNames: []string{}})
	if err != nil {
		return OperationsUnknown, fmt.Errorf("kafka: ask who the brokers are: %w", err)
	}
	var failed error
	for _, b := range res.(*metadata.Response).Brokers {
		res, err := c.ask(ctx, b.NodeID, requestTimeout, &describegroups.Request{Groups: []string{group}, IncludeAuthorizedOperations: true})
		if err != nil {
			failed = fmt.Errorf("kafka: describe group %s: %w", group, err)
			continue
		}
		for _, g := range res.(*describegroups.Response).Groups {
			switch err := codeError(g.ErrorCode); {
			case err == nil, errors.Is(err, kafkago.GroupIdNotFound):
				return Operations(g.AuthorizedOperations), nil
			case errors.Is(err, kafkago.NotCoordinatorForGroup), errors.Is(err, kafkago.GroupCoordinatorNotAvailable):
			default:
				return OperationsUnknown, fmt.Errorf("kafka: describe group %s: %w", group, err)
			}
		}
	}
	return OperationsUnknown, failed
}

// CouldMake asks the cluster which topics it would make, without making them:
// rights, replication and policies are checked. It returns, by topic, why not; a
// topic that it would make, or has, is not in it. kafka-go's own client would
// wait for the topics to appear.
func (c *Client) CouldMake(ctx context.Context, specs []TopicSpec) (map[string]error, error) {
	res, err := c.ask(ctx, anyBroker, requestTimeout, &metadata.Request{TopicNames: []string{}})
	if err != nil {
		return nil, fmt.Errorf("kafka: ask who the controller is: %w", err)
	}
	req := &createtopics.Request{TimeoutMs: int32(requestTimeout.Milliseconds()), ValidateOnly: true}
	for _, s := range specs {
		t := topicConfig(s)
		x := createtopics.RequestTopic{Name: t.Topic, NumPartitions: int32(t.NumPartitions), ReplicationFactor: int16(t.ReplicationFactor)}
		for _, e := range t.ConfigEntries {
			x.Configs = append(x.Configs, createtopics.RequestConfig{Name: e.ConfigName, Value: e.ConfigValue})
		}
		req.Topics = append(req.Topics, x)
	}
	if res, err = c.ask(ctx, res.(*metadata.Response).ControllerID, requestTimeout, req); err != nil {
		return nil, fmt.Errorf("kafka: try to create topics: %w", err)
	}
	out := map[string]error{}
	for _, t := range res.(*createtopics.Response).Topics {
		if err := codeError(t.ErrorCode); err != nil && !errors.Is(err, kafkago.TopicAlreadyExists) {
			out[t.Name] = fmt.Errorf("kafka: create topic %s: %w: %s", t.Name, err, t.ErrorMessage)
		}
	}
	return out, nil
}
