package stack

import (
	"fmt"
	"net"
	"sync"
	"time"
)

// Proxy passes connections on to a server, until it is told to do worse.
type Proxy struct {
	Addr string // host:port to connect to

	to string
	l  net.Listener

	mu      sync.Mutex
	conns   map[*proxied]struct{}
	next    int
	mode    Trouble
	changed chan struct{} // closed when mode changes
}

// Trouble is what a proxy does to connections. The zero value passes everything on.
type Trouble struct {
	Hold  bool          // nothing comes through, in neither direction, and nobody is told
	Delay time.Duration // of each piece
	Every int           // that have a multiple of it as their number; 0 means all
}

// proxied is one connection with both its ends.
type proxied struct {
	number  int
	in, out net.Conn
}

// StartProxy listens on a free port in front of the server at to, which need not
// run yet.
func StartProxy(to string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the proxy of %s: %w", to, err)
	}
	p := &Proxy{Addr: l.Addr().String(), to: to, l: l, conns: map[*proxied]struct{}{}, changed: make(chan struct{})}
	go p.serve()
	return p, nil
}

func (p *Proxy) serve() {
	for {
		in, err := p.l.Accept()
		if err != nil {
			return // closed
		}
		go p.connect(in)
	}
}

func (p *Proxy) connect(in net.Conn) {
	out, err := net.Dial("tcp", p.to)
	if err != nil {
		reset(in)
		return
	}
	c := &proxied{in: in, out: out}
	p.mu.Lock()
	c.number = p.next
	p.next++
	p.conns[c] = struct{}{}
	p.mu.Unlock()
	go p.pump(c, out, in)
	p.pump(c, in, out)
}

// pump passes on in one direction, until either end is closed.
func (p *Proxy) pump(c *proxied, to, from net.Conn) {
	defer func() {
		_ = c.in.Close()
		_ = c.out.Close()
		p.mu.Lock()
		delete(p.conns, c)
		p.mu.Unlock()
	}()
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		p.suffer(c)
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// suffer waits as long as the trouble of the moment has a connection wait.
func (p *Proxy) suffer(c *proxied) {
	for delayed := false; ; {
		p.mu.Lock()
		mode, changed := p.mode, p.changed
		p.mu.Unlock()
		if mode.Every > 1 && c.number%mode.Every != 0 {
			return
		}
		if mode.Delay > 0 && !delayed {
			time.Sleep(mode.Delay)
			delayed = true
		}
		if !mode.Hold {
			return
		}
		<-changed
	}
}

// Set changes what happens to connections, those that are open among them.
func (p *Proxy) Set(t Trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = t
	close(p.changed)
	p.changed = make(chan struct{})
}

// Cut breaks all connections, at both ends.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		reset(c.in)
		reset(c.out)
	}
}

// Stop breaks all connections and listens no more.
func (p *Proxy) Stop() {
	_ = p.l.Close() // nothing can be lost
	p.Set(Trouble{})
	p.Cut()
}

// reset closes a connection as a crash does, without a goodbye.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
