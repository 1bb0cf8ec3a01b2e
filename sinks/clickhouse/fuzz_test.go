package clickhouse

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
	clickhouseproto "github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// Of whatever answers where ClickHouse should be, the client library sees nothing
// that it would make more room for than a first packet of ClickHouse's has.
func FuzzHello(f *testing.F) {
	hello := []byte("\x00\x0aClickHouse\x1a\x07\xc6\xa7\x03\x03UTC\x04here\x02")
	for _, b := range [][]byte{{}, []byte("HTTP/1.1 400 Bad Request\r\n\r\n"), hello, append(hello, "\x01\x00\x01"...),
		[]byte("\x02\x3c\x00\x00\x00\x0dDB::Exception\x07no such\x00\x00"), []byte("\x00\x9a\x9a\x9a\x9a\x9a\x04h\x00")} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		server, client := net.Pipe()
		go func() {
			_, _ = server.Write(b) // the client may have enough
			_ = server.Close()
		}()
		defer client.Close() //nolint:errcheck // of a test
		g := &greeted{Conn: client, greeting: func() bool { return true }}
		got, err := io.ReadAll(g)
		switch {
		case len(got) > 0 && !bytes.Equal(got, b):
			t.Errorf("%q came through as %q", b, got)
		case len(got) > 0:
			r := proto.NewReader(bytes.NewReader(b))
			if kind, _ := r.ReadByte(); kind == 0 { // the library's own
				var h clickhouseproto.ServerHandshake
				_ = h.Decode(r) // it may dislike a time zone
			}
		case err != nil && len(got) > 0:
			t.Errorf("%q came through before %v", got, err)
		}
	})
}

// An address that is no ClickHouse's is told of as such, with what to do; and one
// that says nothing holds up nobody who has enough.
func TestNotClickHouse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // of a test
	go func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if n == 0 {
				_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") // the client may have enough
				_ = c.Close()
			} else {
				defer c.Close() //nolint:errcheck // of a test
			}
		}
	}()
	var told error
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	w := New(Config{Addresses: []string{l.Addr().String()}, Log: slog.New(slog.DiscardHandler), Hooks: Hooks{Retried: func(_ string, err error) { told = cmp.Or(told, err) }}})
	began := time.Now()
	if err := w.Open(ctx); err == nil {
		t.Fatal("a web server passes for ClickHouse")
	}
	if !errors.Is(told, errNotClickHouse) {
		t.Errorf("told: %v", told)
	}
	if d := time.Since(began); d > 15*time.Second { // the library's timeout is 30 s
		t.Errorf("it took %v to have enough", d)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// An exception of whatever code and text is data's fault or nobody's, and what is
// said to mend it is one of ours.
func FuzzException(f *testing.F) {
	for _, code := range []int32{0, 6, 60, 252, 497, -1} {
		f.Add(code, "TABLE ENGINE ON ReplacingMergeTree; partitions for single INSERT block")
	}
	f.Fuzz(func(t *testing.T, code int32, message string) {
		err := fmt.Errorf("write: %w", &clickhouse.Exception{Code: code, Message: message})
		if isData(err) != (dataCodes[code] || code == 252 && strings.Contains(message, "partitions for single INSERT block")) {
			t.Errorf("code %d: %v", code, isData(err))
		}
		if m := Mend(err); m != mend[code] && code != 497 || strings.ContainsAny(m, "\n\x00") {
			t.Errorf("code %d: %q", code, m)
		}
		if !errors.Is(explain(err), err) {
			t.Error("the error itself is lost")
		}
	})
}
