package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/driftd/driftd"
)

// What a person and a program see of it, over a driftd that runs.
func TestForgetCommand(t *testing.T) {
	live := time.Now().UTC().Truncate(24 * time.Hour).Add(-24 * time.Hour)
	f := newFleet(t, live)
	f.traffic(live.Add(-3*24*time.Hour), 3*24, 0)
	f.run()
	f.await("what was learned", func() bool { return len(f.said) > 0 })
	f.traffic(live, 3, 0)
	f.move(live.Add(3*time.Hour + 10*time.Minute))
	f.await("the windows", f.closed("all", live.Add(2*time.Hour)))

	ctx := context.Background()
	run := func(c forgetCmd) (string, error) {
		c.Config = f.config
		var out bytes.Buffer
		err := c.forget(ctx, &out)
		return out.String(), err
	}
	fails := func(c forgetCmd, want string) {
		t.Helper()
		if _, err := run(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("forget %+v gives %v, want %q", c, err, want)
		}
	}
	fails(forgetCmd{Model: acceptModel, Segment: driftd.AllSegment, Yes: true}, "segment `all` is the whole model")
	fails(forgetCmd{Model: acceptModel, JSON: true}, "say --yes too")
	fails(forgetCmd{Model: "nobody", Yes: true}, `driftd has nothing of a model "nobody": there are `+fmt.Sprintf("%q", acceptModel))
	fails(forgetCmd{Model: acceptModel, Segment: "country=IT", Yes: true}, `has no segment "country=IT": there are "all", "country=DE", "country=FR"`)
	fails(forgetCmd{Model: acceptModel}, "nothing was changed")

	text, err := run(forgetCmd{Model: acceptModel, Segment: "country=DE", Yes: true})
	f.must(err)
	for _, want := range []string{`1 series: "country=DE"`, "1 states, 0 open incidents", "kept to learn from", "1 references, 0 layouts",
		"driftd.profiles: 7d after it was written", "driftd.state: the brokers' log cleaner has run", "your own topics (events): their own retention", "it begins anew"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text does not say %q:\n%s", want, text)
		}
	}
	text, err = run(forgetCmd{Model: acceptModel, Yes: true, JSON: true})
	f.must(err)
	var got forgetting
	f.must(json.Unmarshal([]byte(text), &got))
	if got.Model != acceptModel || !got.Forgotten || len(got.Segments) < 2 || got.Segments[0] != "all" || got.Windows < 72 || got.Layouts != 1 || got.References < 2 || got.ClickHouse != nil || len(got.Remains) < 8 {
		t.Errorf("the JSON: %s", text)
	}
	text, err = run(forgetCmd{Model: acceptModel, Yes: true})
	f.must(err)
	if !strings.Contains(text, fmt.Sprintf("There is nothing of model %q: it was forgotten at ", acceptModel)) {
		t.Errorf("a second time it says: %s", text)
	}
}
