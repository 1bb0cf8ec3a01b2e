package sim

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// link is the network of one process. Each request passes through it as a frame,
// is counted, and may meet a fault on its way there or back.
type link struct {
	stack *kfake.VirtualNetwork
	hit   func(key int16) *fault                             // the fault that this request meets, nil for none
	acked func(key, version int16, request, response []byte) // every answer, whether the process gets it or not
	kill  func(why string)                                   // ends the process

	mu     sync.Mutex
	dead   bool
	frozen time.Time // nothing passes before
	conns  map[net.Conn]struct{}
}

var errDead = errors.New("the process is dead")

func (l *link) dial(ctx context.Context, network, address string) (net.Conn, error) {
	l.mu.Lock()
	dead := l.dead
	l.mu.Unlock()
	if dead {
		return nil, errDead
	}
	broker, err := l.stack.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	mine, theirs := net.Pipe()
	l.mu.Lock()
	if l.dead {
		l.mu.Unlock()
		mine.Close()
		theirs.Close()
		broker.Close()
		return nil, errDead
	}
	l.conns[theirs] = struct{}{}
	l.mu.Unlock()
	c := &cable{l: l, client: theirs, broker: broker, pending: make(chan pending, 64)}
	go c.requests()
	go c.responses()
	return mine, nil
}

// cut closes every connection of the process; die also refuses new ones.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		c.Close()
	}
	clear(l.conns)
}

func (l *link) die() {
	l.mu.Lock()
	l.dead = true
	l.mu.Unlock()
	l.cut()
}

// freeze stops everything in both directions for d, as SIGSTOP does.
func (l *link) freeze(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := time.Now().Add(d); until.After(l.frozen) {
		l.frozen = until
	}
}

func (l *link) thaw() {
	for {
		l.mu.Lock()
		wait := time.Until(l.frozen)
		dead := l.dead
		l.mu.Unlock()
		if wait <= 0 || dead {
			return
		}
		time.Sleep(wait)
	}
}

// cable is one connection.
type cable struct {
	l              *link
	client, broker net.Conn
	pending        chan pending
}

type pending struct {
	key, version int16
	request      []byte
	fault        *fault
	twice        bool // the answer to a repeat: nobody waits for it
}

// hangUp ends the process's side.
func (w *cable) hangUp() {
	w.client.Close()
	w.l.mu.Lock()
	delete(w.l.conns, w.client)
	w.l.mu.Unlock()
}

func readFrame(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	b := make([]byte, 4+binary.BigEndian.Uint32(size[:]))
	copy(b, size[:])
	_, err := io.ReadFull(r, b[4:])
	return b, err
}

// requests carries what the process sends to the broker.
func (w *cable) requests() {
	defer close(w.pending)
	defer w.hangUp()
	for {
		frame, err := readFrame(w.client)
		if err != nil || len(frame) < 8 {
			return
		}
		w.l.thaw()
		p := pending{key: int16(binary.BigEndian.Uint16(frame[4:])), version: int16(binary.BigEndian.Uint16(frame[6:])), request: frame}
		p.fault = w.l.hit(p.key)
		if f := p.fault; f != nil {
			switch f.what {
			case killBefore:
				w.l.kill(f.String())
				return
			case cutBefore:
				return
			case delayed:
				time.Sleep(f.d)
			case frozen:
				w.l.freeze(f.d)
				w.l.thaw()
			}
		}
		w.pending <- p
		if _, err := w.broker.Write(frame); err != nil {
			return
		}
		if f := p.fault; f != nil && f.what == repeated {
			p.twice, p.fault = true, nil
			w.pending <- p
			if _, err := w.broker.Write(frame); err != nil {
				return
			}
		}
	}
}

// responses carries the broker's answers back. It takes them also when nobody
// waits for them any more: kfake never expires a member whose connection was gone
// when its join was answered (kfake 2026-09, group.reply), which real brokers do.
func (w *cable) responses() {
	defer w.hangUp()
	defer w.broker.Close()
	for p := range w.pending {
		frame, err := readFrame(w.broker)
		if err != nil {
			break
		}
		w.l.acked(p.key, p.version, p.request, frame)
		w.l.thaw()
		if f := p.fault; f != nil {
			switch f.what {
			case killAfter:
				w.l.kill(f.String())
			case cutAfter:
				w.hangUp()
			case frozenAfter:
				w.l.freeze(f.d)
				w.l.thaw()
			}
		}
		if !p.twice {
			_, _ = w.client.Write(frame) // fails when it has hung up
		}
	}
	w.hangUp()
	for range w.pending { // until requests has ended
	}
}

// commits takes the commits of an OffsetCommit that the broker has accepted.
func commits(version int16, request, response []byte) (out []kmsg.OffsetCommitRequestTopic, group string, err error) {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.SetVersion(version)
	body, err := afterHeader(request[8:], req.IsFlexible())
	if err != nil {
		return nil, "", err
	}
	if err := req.ReadFrom(body); err != nil {
		return nil, "", fmt.Errorf("OffsetCommit v%d: %w", version, err)
	}
	res := kmsg.NewPtrOffsetCommitResponse()
	res.SetVersion(version)
	at := 8
	if res.IsFlexible() {
		at++ // no tags
	}
	if err := res.ReadFrom(response[at:]); err != nil {
		return nil, "", fmt.Errorf("answer to OffsetCommit v%d: %w", version, err)
	}
	failed := map[string]map[int32]bool{}
	for _, t := range res.Topics {
		failed[t.Topic] = map[int32]bool{}
		for _, p := range t.Partitions {
			failed[t.Topic][p.Partition] = p.ErrorCode != 0
		}
	}
	for _, t := range req.Topics {
		kept := t.Partitions[:0]
		for _, p := range t.Partitions {
			if !failed[t.Topic][p.Partition] {
				kept = append(kept, p)
			}
		}
		t.Partitions = kept
		out = append(out, t)
	}
	return out, req.Group, nil
}

// afterHeader steps over correlation id, client id and tags of a request.
func afterHeader(b []byte, flexible bool) ([]byte, error) {
	if len(b) < 6 {
		return nil, io.ErrUnexpectedEOF
	}
	b = b[4:]
	n := int(int16(binary.BigEndian.Uint16(b)))
	b = b[2:]
	if n > 0 {
		if len(b) < n {
			return nil, io.ErrUnexpectedEOF
		}
		b = b[n:]
	}
	if flexible {
		b = b[1:]
	}
	return b, nil
}
