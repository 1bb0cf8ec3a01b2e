package clickhouse

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// The client library takes the lengths of texts from a server as they come, and
// makes room for them: whatever else answers at the address, such as another
// service's port, could ask for terabytes and so end the process. The first packet
// of a connection is looked at before the library sees it.

// Limits of the texts of a first packet, bytes. Real ones have a tenth of that.
const (
	helloText  = 1 << 10
	helloError = 1 << 20 // an exception's text and stack
)

// Revisions of the protocol from which a server says more of itself.
const (
	revisionTimezone = 54058
	revisionName     = 54372
)

// dialer opens connections whose first packet is looked at.
func dialer(config *tls.Config, timeout time.Duration) func(ctx context.Context, addr string) (net.Conn, error) {
	return func(ctx context.Context, addr string) (net.Conn, error) {
		connecting, stop := context.WithTimeout(ctx, timeout)
		defer stop()
		var c net.Conn
		var err error
		if config == nil {
			c, err = (&net.Dialer{}).DialContext(connecting, "tcp", addr)
		} else {
			c, err = (&tls.Dialer{Config: config}).DialContext(connecting, "tcp", addr)
		}
		if err != nil {
			return nil, err
		}
		return &greeted{Conn: c, greeting: context.AfterFunc(ctx, func() { _ = c.Close() })}, nil
	}
}

// greeted is a connection that hands on nothing before its first packet was found
// to be ClickHouse's.
type greeted struct {
	net.Conn
	from     io.Reader   // nil: nothing was read yet
	greeting func() bool // stops what closes it when its caller has enough: the library waits for the packet whatever its context
}

func (g *greeted) Read(b []byte) (int, error) {
	if g.from == nil {
		var seen bytes.Buffer
		rest := bufio.NewReader(g.Conn)
		if err := readHello(&hello{r: rest, seen: &seen}); err != nil {
			return 0, err
		}
		g.from = io.MultiReader(&seen, rest)
		g.greeting()
	}
	return g.from.Read(b)
}

// errNotClickHouse wraps what is wrong about a first packet.
var errNotClickHouse = errors.New("does not speak ClickHouse's native protocol: sinks.clickhouse.addresses wants its port (9000, or 9440 with tls: true), not that of HTTP")

// hello reads a first packet, and keeps it.
type hello struct {
	r    *bufio.Reader
	seen *bytes.Buffer
}

func (h *hello) ReadByte() (byte, error) {
	b, err := h.r.ReadByte()
	if err == nil {
		h.seen.WriteByte(b)
	}
	return b, err
}

func (h *hello) text(limit uint64) error {
	n, err := binary.ReadUvarint(h)
	if err != nil {
		return err
	}
	if n > limit {
		return fmt.Errorf("it %w (a text of %d bytes in its first packet)", errNotClickHouse, n)
	}
	_, err = io.CopyN(h.seen, h.r, int64(n))
	return err
}

// readHello reads a server's hello or exception as far as it has texts.
func readHello(h *hello) error {
	kind, err := h.ReadByte()
	if err != nil {
		return err
	}
	switch kind {
	case 0: // hello: a name, a version in three numbers, and what newer ones say
		if err := h.text(helloText); err != nil {
			return err
		}
		var revision uint64
		for range 3 {
			if revision, err = binary.ReadUvarint(h); err != nil {
				return err
			}
		}
		for _, since := range []uint64{revisionTimezone, revisionName} {
			if revision >= since {
				if err := h.text(helloText); err != nil {
					return err
				}
			}
		}
		return nil
	case 2: // exceptions, each within the one before: a code, a name, a text, a stack
		for range 8 {
			if _, err := io.CopyN(h.seen, h.r, 4); err != nil {
				return err
			}
			for _, limit := range []uint64{helloText, helloError, helloError} {
				if err := h.text(limit); err != nil {
					return err
				}
			}
			if nested, err := h.ReadByte(); err != nil || nested == 0 {
				return err
			}
		}
		return fmt.Errorf("it %w (exceptions without end)", errNotClickHouse)
	}
	return fmt.Errorf("it %w (its first byte is %#02x)", errNotClickHouse, kind)
}
