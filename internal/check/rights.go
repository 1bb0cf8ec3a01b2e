package check

import (
	"context"
	"fmt"

	"github.com/driftd/driftd/internal/kafka"
)

// Rights says what this user may do with topics and groups, as the brokers tell
// it (KIP-430): nothing is tried that would leave a trace.
func Rights(ctx context.Context, t *Target) []Result {
	l := &list{area: AreaRights}
	var names []string
	for i := range t.Config.Sources {
		names = append(names, t.Config.Sources[i].Topic)
	}
	sources := len(names)
	for _, spec := range t.Settings.Topics() {
		names = append(names, spec.Name)
	}
	ask, stop := context.WithTimeout(ctx, askWithin)
	defer stop()
	d, err := t.Client.Describe(ask, names)
	if err != nil {
		l.skip("topics", "", "not checked: %v", err)
		return l.out
	}
	for i, name := range names {
		x := d.Topics[name]
		if x.Err != nil {
			continue // told in its own area
		}
		if i < sources {
			t.may(l, "read", name, x.Operations, kafka.Read, "read", aclRead(name))
		} else {
			t.may(l, "read_write", name, x.Operations, kafka.Read|kafka.Write, "read and write", aclOwnTopics(t.Settings.Prefix))
		}
	}
	t.groups(ctx, l)
	return l.out
}

func (t *Target) may(l *list, check, name string, have, want kafka.Operations, words string, grant acl) {
	switch {
	case have.May(want):
		l.ok(check, name, "this user may %s", words)
	case have.Known():
		l.fail(check, name, fmt.Sprintf("this user may not %s", words), t.acls(grant))
	default:
		l.skip(check, name, "not checked: the broker does not say (it is older than Kafka 2.3)")
	}
}

func (t *Target) groups(ctx context.Context, l *list) {
	for _, group := range t.Settings.Groups() {
		ask, stop := context.WithTimeout(ctx, askWithin)
		have, err := t.Client.GroupRights(ask, group)
		stop()
		_, denied := kafka.Denied(err)
		switch {
		case denied:
			l.fail("group", group, "this user may not join the group", t.acls(aclGroups(t.Settings.Prefix)))
		case err != nil:
			l.skip("group", group, "not checked: %v", err)
		case !have.Known():
			l.skip("group", group, "not checked: this cluster has not had a group yet, or the broker does not say")
		case have.May(kafka.Read):
			l.ok("group", group, "this user may join it")
		default:
			l.fail("group", group, "this user may not join the group", t.acls(aclGroups(t.Settings.Prefix)))
		}
	}
}
