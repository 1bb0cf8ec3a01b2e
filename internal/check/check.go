package check

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/kafka"
	"github.com/driftd/driftd/internal/pipeline"
	"github.com/driftd/driftd/sinks/clickhouse"
)

// Deadlines. The brokers come first, then everything else at once, so that the
// whole ends within their sum.
const (
	brokersWithin = 8 * time.Second
	restWithin    = 18 * time.Second
	askWithin     = 5 * time.Second // one question
)

// Target is what is checked.
type Target struct {
	Config  *config.Config
	Version string // of this driftd

	// Client of the brokers; nil, and ClientErr, where the config's TLS or SASL
	// cannot be used.
	Client    *kafka.Client
	ClientErr error
	Settings  *pipeline.Settings

	// ClickHouse as `driftd run` would open it, where config has one; or why not.
	ClickHouse    *clickhouse.Config
	ClickHouseErr error

	HTTP *http.Client // nil: http.DefaultClient
	Now  func() time.Time
}

// Config gives each mistake of a config, from the error of config.Load.
func Config(path string, err error) []Result {
	l := &list{area: AreaConfig}
	var all *config.Error
	if !errors.As(err, &all) {
		l.fail("readable", path, err.Error(), "name a file that is there and that this user may read")
		return l.out
	}
	for _, m := range all.Mistakes { // the text of a mistake has its mend
		l.fail("mistake", fmt.Sprintf("%s:%d", m.File, m.Line), m.Text, "")
	}
	return l.out
}

// Run looks at everything that a config that could be read needs.
func Run(ctx context.Context, t *Target) []Result {
	l := &list{area: AreaConfig}
	if err := t.Config.Runnable(); err != nil {
		l.fail("runnable", "", err.Error(), "")
		return l.out
	}
	l.ok("mistakes", "", "none")
	var groups [4][]Result
	var all sync.WaitGroup
	all.Go(func() { groups[0] = t.kafka(ctx) })
	for i, look := range []func(context.Context, *Target) []Result{ClickHouse, Alertmanagers, Local} {
		all.Go(func() {
			ctx, stop := context.WithTimeout(ctx, restWithin)
			defer stop()
			groups[i+1] = look(ctx, t)
		})
	}
	all.Wait()
	for _, g := range groups {
		l.out = append(l.out, g...)
	}
	return l.out
}

// kafka checks what needs the brokers; nothing does where none answers.
func (t *Target) kafka(ctx context.Context) []Result {
	first, stop := context.WithTimeout(ctx, brokersWithin)
	defer stop()
	out, reached := Brokers(first, t)
	if !reached {
		for _, area := range []Area{AreaTopics, AreaEvents, AreaOwnTopics, AreaRights} {
			out = append(out, Result{area, "all", "", StatusSkipped, "no broker can be used", ""})
		}
		refs, _ := References(ctx, t, false)
		return append(out, refs...)
	}
	ctx, stop = context.WithTimeout(ctx, restWithin)
	defer stop()
	var samples []*Sample
	var topics, own, rights, refs []Result
	var use []InUse
	var all sync.WaitGroup
	all.Go(func() {
		samples = Samples(ctx, t)
		topics = Topics(ctx, t, samples)
	})
	all.Go(func() {
		own = OwnTopics(ctx, t)
		rights = Rights(ctx, t)
	})
	all.Go(func() { refs, use = References(ctx, t, true) })
	all.Wait()
	out = append(out, topics...)
	out = append(out, Events(t, samples)...)
	out = append(out, own...)
	out = append(out, rights...)
	out = append(out, refs...)
	return append(out, Budget(t, use, samples)...)
}
