package kafka

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

// proxy stands between our client and kfake: it can be down, and can change
// what the broker answers.
type proxy struct {
	target string
	change func([]byte)

	mu    sync.Mutex
	down  bool
	conns []net.Conn
}

func newProxy(t testing.TB, cl *kfake.Cluster, change func([]byte)) *proxy {
	return &proxy{target: cl.ListenAddrs()[0], change: change}
}

// client is a client whose every connection goes through the proxy.
func (p *proxy) client(t testing.TB, r *retries) *Client {
	t.Helper()
	c, err := New(Config{Brokers: []string{p.target}, OnRetry: r.hook})
	if err != nil {
		t.Fatal(err)
	}
	c.transport.Dial = p.dial
	t.Cleanup(c.Close)
	return c
}

func (p *proxy) setDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
	if down {
		for _, c := range p.conns {
			c.Close()
		}
		p.conns = nil
	}
}

func (p *proxy) dial(ctx context.Context, network, address string) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return nil, &net.OpError{Op: "dial", Net: network, Err: io.ErrClosedPipe}
	}
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	p.conns = append(p.conns, c)
	return &changedConn{Conn: c, p: p}, nil
}

type changedConn struct {
	net.Conn
	p *proxy
}

func (c *changedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && c.p.change != nil {
		c.p.change(b[:n])
	}
	return n, err
}
