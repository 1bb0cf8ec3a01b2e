//go:build e2e

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"net/textproto"
	"strings"
	"testing"
)

// smtpServer takes e-mails, as little of SMTP as a client needs (RFC 5321, without extensions).
type smtpServer struct {
	addr string
	got  chan letter
}

// letter is one e-mail as it came.
type letter string

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	return l
}

func startSMTP(t *testing.T) *smtpServer {
	t.Helper()
	l := listen(t)
	s := &smtpServer{addr: l.Addr().String(), got: make(chan letter, 100)}
	t.Cleanup(func() { must(t, l.Close()) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // the test is over
			}
			go s.serve(c)
		}
	}()
	return s
}

func (s *smtpServer) serve(c net.Conn) {
	defer c.Close()
	r := textproto.NewReader(bufio.NewReader(c))
	fmt.Fprint(c, "220 test ESMTP\r\n")
	for {
		line, err := r.ReadLine()
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.ToUpper(line), " "); verb {
		case "DATA":
			fmt.Fprint(c, "354 go on\r\n")
			b, err := r.ReadDotBytes()
			if err != nil {
				return
			}
			s.got <- letter(b)
			fmt.Fprint(c, "250 taken\r\n")
		case "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}

// text is the subject and both bodies, decoded.
func (l letter) text(t *testing.T) string {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(string(l)))
	must(t, err)
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	must(t, err)
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	must(t, err)
	if !strings.HasPrefix(kind, "multipart/") {
		t.Fatalf("an e-mail of type %s", kind)
	}
	out := fmt.Sprintf("-- e-mail to %s: %s\n", m.Header.Get("To"), subject)
	for parts := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := parts.NextPart()
		if err == io.EOF {
			return out
		}
		must(t, err)
		b, err := io.ReadAll(p)
		must(t, err)
		out += fmt.Sprintf("-- %s\n%s\n", p.Header.Get("Content-Type"), strings.TrimSpace(strings.ReplaceAll(string(b), "\r\n", "\n")))
	}
}
