package retry

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func logTo(out *strings.Builder, now func() time.Time) *Log {
	return NewLog(slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})), now)
}

func TestLogSaysWhatItLeftOut(t *testing.T) {
	now := time.Unix(0, 0)
	var out strings.Builder
	l := logTo(&out, func() time.Time { return now })
	for range 25 {
		l.Warn("down")
		now = now.Add(time.Second)
	}
	want := "level=WARN msg=down\nlevel=WARN msg=down messages_left_out=9\nlevel=WARN msg=down messages_left_out=9\n"
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error(d)
	}
}

func TestDo(t *testing.T) {
	var out strings.Builder
	f := Forever{Sink: "Sink", Timeout: time.Minute, Log: logTo(&out, time.Now)}
	told := 0
	attempts := 0
	attempt := func(ctx context.Context) error {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("an attempt has no deadline")
		}
		if attempts++; attempts < 3 {
			return errors.New("down")
		}
		return nil
	}
	if err := f.Do(t.Context(), "write", func(error) { told++ }, attempt); err != nil || attempts != 3 || told != 2 {
		t.Errorf("error %v after %d attempts of which %d were told to fail, want success at the third", err, attempts, told)
	}
	for _, want := range []string{"Sink did not accept: trying again", "operation=write failures=1", "Sink accepts again", "failures=2"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, &out)
		}
	}

	bad := errors.New("bad")
	if err := f.Do(t.Context(), "write", nil, func(context.Context) error { return Permanent(bad) }); !errors.Is(err, bad) {
		t.Errorf("error %v, want the permanent one", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	err := f.Do(ctx, "write", func(error) { cancel() }, func(context.Context) error { return bad })
	if !errors.Is(err, context.Canceled) || !errors.Is(err, bad) {
		t.Errorf("error %v, want that ctx ended, and why it was waited", err)
	}
}
