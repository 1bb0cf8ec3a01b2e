package kafka

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go/protocol"
)

// anyBroker routes a request to whichever broker answers.
const anyBroker int32 = -1

// routed carries a request over kafka-go's Transport to a broker of our choice.
//
// Left to itself the Transport answers Metadata from a cache that is seconds
// old, splits ListOffsets into one request and one connection per partition, and
// routes Produce and Fetch by that same cache. RawExchanger is its own hook for
// messages that speak for themselves; connections, TLS and SASL stay with it.
type routed struct {
	broker  int32
	req     protocol.Message
	client  string
	version int16
	decode  func(r io.Reader, version int16) (protocol.Message, error) // nil: kafka-go's own
}

// answer hides the type of a response from the Transport, which would believe
// that it belongs to a request of its own.
type answer struct{ protocol.Message }

func (r *routed) ApiKey() protocol.ApiKey { return r.req.ApiKey() }

func (r *routed) Broker(protocol.Cluster) (protocol.Broker, error) {
	return protocol.Broker{ID: r.broker}, nil
}

func (r *routed) Required(versions map[protocol.ApiKey]int16) bool {
	r.version = versions[r.req.ApiKey()]
	return true
}

func (r *routed) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if p, ok := r.req.(protocol.PreparedMessage); ok {
		p.Prepare(r.version)
	}
	// One request at a time is under way on a connection, so that the
	// correlation id can be anything.
	const correlation = 7
	if r.decode == nil {
		res, err := protocol.RoundTrip(rw, r.version, correlation, r.client, r.req)
		return answer{res}, err
	}
	if err := protocol.WriteRequest(rw, r.version, correlation, r.client, r.req); err != nil {
		return nil, err
	}
	return r.decode(rw, r.version)
}

// ask sends req to one broker and returns its response.
func (c *Client) ask(ctx context.Context, broker int32, timeout time.Duration, req protocol.Message) (protocol.Message, error) {
	res, err := c.roundTrip(ctx, timeout, &routed{broker: broker, req: req, client: c.cfg.ClientID})
	if err != nil {
		return nil, err
	}
	a, ok := res.(answer)
	if !ok {
		return nil, fmt.Errorf("kafka: %v request: unexpected %T", req.ApiKey(), res)
	}
	return a.Message, nil
}
