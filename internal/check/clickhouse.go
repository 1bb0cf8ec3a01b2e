package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/sinks/clickhouse"
)

// leastClickHouse is the first version that driftd's tables are for.
const leastClickHouse = 24

// ClickHouse checks the server of the config, and what `driftd run` would do there.
func ClickHouse(ctx context.Context, t *Target) []Result {
	l := &list{area: AreaClickHouse}
	switch {
	case t.Config.Sinks.ClickHouse == nil:
		l.skip("reachable", "", "config has none: results are in driftd.results alone, or in a file")
		return l.out
	case !t.Config.HasRole(config.RoleWrite):
		l.skip("reachable", "", "not checked: this process has not the role write")
		return l.out
	case t.ClickHouse == nil:
		l.fail("settings", "", t.ClickHouseErr.Error(), "mend sinks.clickhouse")
		return l.out
	}
	if !dialAll(ctx, l, t.ClickHouse.Addresses) {
		return l.out
	}
	ctx, stop := context.WithTimeout(ctx, askWithin)
	defer stop()
	user := t.ClickHouse.Username
	f, err := clickhouse.Look(ctx, *t.ClickHouse)
	if err != nil {
		mend := clickhouse.Mend(err)
		if mend == "" {
			mend = "check that the port is that of the native protocol (9000, or 9440 with tls: true), not of HTTP"
		}
		l.fail("login", user, err.Error(), mend)
		return l.out
	}
	l.ok("login", user, "ClickHouse %s", f.Version)
	if v, ok := version(f.Version); ok && v[0] < leastClickHouse {
		l.fail("version", user, "ClickHouse "+f.Version+" is too old for driftd's tables", "update it to 24 or newer")
	}
	t.tables(l, f)
	switch {
	case f.Unchecked != nil:
		l.skip("rights", user, "not checked: this ClickHouse has no CHECK GRANT (it came with 24.11)")
	case len(f.Missing) > 0:
		var grants []string
		for _, p := range f.Missing {
			grants = append(grants, fmt.Sprintf("GRANT %s TO %s;", p, identifier(user)))
		}
		mend := "as an administrator:\n" + strings.Join(grants, "\n")
		if len(f.Pending) > 0 {
			mend += "\nor make the tables with deploy/clickhouse/schema.sql, and let driftd only SELECT and INSERT"
		}
		l.fail("rights", user, "this user lacks "+strings.Join(f.Missing, ", "), mend)
	default:
		l.ok("rights", user, "this user may do all that driftd needs")
	}
	return l.out
}

func (t *Target) tables(l *list, f *clickhouse.Found) {
	name := t.ClickHouse.Database
	switch {
	case f.Edited != nil:
		l.fail("tables", name, f.Edited.Error(), "use a driftd that has the file as it was, or another database")
	case !f.Database:
		l.ok("tables", name, "there is no such database yet (or this user may not see it): `driftd run` makes it")
	case len(f.Pending) > 0:
		l.ok("tables", name, "%s pending, which `driftd run` applies: %s", plural(len(f.Pending), "migration"), strings.Join(f.Pending, ", "))
	default:
		l.ok("tables", name, "as this version needs them")
	}
}

// dialAll tells names and ports apart before a login is tried; one address that
// can be used is enough.
func dialAll(ctx context.Context, l *list, addresses []string) bool {
	errs := make([]error, len(addresses))
	var all sync.WaitGroup
	for i, a := range addresses {
		all.Go(func() {
			ctx, stop := context.WithTimeout(ctx, askWithin)
			defer stop()
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", a)
			if errs[i] = err; err == nil {
				_ = conn.Close() // it was only tried
			}
		})
	}
	all.Wait()
	reached := false
	for _, err := range errs {
		reached = reached || err == nil
	}
	for i, err := range errs {
		var dns *net.DNSError
		switch {
		case err == nil:
			l.ok("reachable", addresses[i], "answers")
		case errors.As(err, &dns):
			l.judge(!reached, "reachable", addresses[i], err.Error(), "mend the name in sinks.clickhouse.addresses, or this machine's DNS")
		default:
			l.judge(!reached, "reachable", addresses[i], err.Error(), "check host and port in sinks.clickhouse.addresses, that ClickHouse runs, and that no firewall is between; until it answers results wait in Kafka")
		}
	}
	return reached
}

// identifier is a name as ClickHouse's SQL takes it.
func identifier(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_')
	}) {
		return s
	}
	return "`" + strings.ReplaceAll(s, "`", "\\`") + "`"
}
