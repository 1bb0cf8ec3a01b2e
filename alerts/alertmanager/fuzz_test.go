package alertmanager

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/driftd/driftd"
)

// says is a server that always gives the same answer.
type says struct{ *http.Response }

func (s says) RoundTrip(*http.Request) (*http.Response, error) { return s.Response, nil }

// Whatever answers where an Alertmanager should be: only 2xx is taken for one that
// has the alerts, only 400 for one that refuses them, and the error that people
// read is bounded.
func FuzzAnswer(f *testing.F) {
	f.Add(200, "Tue, 24 Nov 2026 12:00:00 GMT", []byte(`{}`))
	f.Add(400, "", []byte(`"no alertname"`))
	f.Add(503, "yesterday", bytes.Repeat([]byte("a"), 10_000))
	f.Add(-1, "\x00", []byte{0xff})
	f.Fuzz(func(t *testing.T, status int, date string, body []byte) {
		client := &http.Client{Transport: says{&http.Response{StatusCode: status, Status: "status", Header: http.Header{"Date": {date}}, Body: io.NopCloser(bytes.NewReader(body))}}}
		const url = "http://alertmanager"
		s := New(Config{URLs: []string{url}, Access: map[string]Access{url: {Client: client}}, Log: slog.New(slog.DiscardHandler), Hooks: Hooks{Skew: func(string, time.Duration) {}}})
		err := s.targets[0].post(context.Background(), []alert{newAlert(driftd.IncidentResult{Model: "m"}, began, Links{})})
		switch ok := status/100 == 2; {
		case ok != (err == nil):
			t.Errorf("status %d: %v", status, err)
		case (status == http.StatusBadRequest) != errors.As(err, new(*refused)):
			t.Errorf("status %d is taken for a refusal, or not: %v", status, err)
		case err != nil && len(err.Error()) > 5000:
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	})
}
