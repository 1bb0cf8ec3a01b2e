package reference

import (
	"fmt"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/detectors"
)

// addPairs adds the column of pairs to a compiled layout; a note says where it
// cannot, or not for all. Ranks come from the same sample as the bins.
func (b *Builder) addPairs(l *driftd.Layout) error {
	note := func(format string, args ...any) {
		b.report.Notes = append(b.report.Notes, fmt.Sprintf("pairs: "+format, args...))
	}
	if b.opt.Flat {
		note("left out, as they are judged by windows and this reference has none")
		return nil
	}
	if l.IndexOf(driftd.PairsColumn) >= 0 {
		note("left out, as the events have a field of the name %s", driftd.PairsColumn)
		return nil
	}
	sample, values := driftd.NewProfile(l), make([]driftd.Value, len(l.Columns))
	for c := range l.Columns {
		lc := &l.Columns[c]
		if lc.Kind != driftd.Numeric {
			continue
		}
		for _, x := range b.byName[lc.Name].sampled() {
			lc.Number(x, &values[c])
			sample.Add([2]bool{}, values, 0)
		}
		values[c] = driftd.Value{}
	}
	table, left := detectors.NewPairTable(l, sample.Columns)
	if table == nil {
		note("left out, as fewer than two numeric features have three values or more")
		return nil
	}
	if left > 0 {
		note("of the first %d numeric features; %d more are watched one by one alone", len(table.Columns), left)
	}
	l.Columns = append(l.Columns, driftd.ColumnLayout{Name: driftd.PairsColumn, Group: driftd.Features, Kind: driftd.Pairs, Pairs: table})
	return l.Compile()
}
