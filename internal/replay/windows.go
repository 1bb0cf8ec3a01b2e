package replay

import (
	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/detect"
)

// Windows judges closed windows (in order of time) of one series by a reference,
// as live ones would have been: what would it have paged? Windows that cannot be
// judged are passed over.
func Windows(rules detect.Rules, use detect.Use, kept []*detect.Kept) []driftd.Result {
	use.From, use.Accepted = driftd.MinTime, 0
	rules.Uses = []detect.Use{use}
	if rules.Policy != nil { // silence is not asked about
		p := *rules.Policy
		p.Expect = false
		rules.Policy = &p
	}
	in := detect.Input{Begin: driftd.MinTime, End: driftd.MaxTime, Until: driftd.MinTime}
	for _, k := range kept {
		if k.Unfit || k.Layout != use.Layout.Fingerprint {
			continue
		}
		in.Panes = append(in.Panes, detect.Pane{Start: k.Start, Layout: k.Layout, Profile: k.Profile})
		in.Until = max(in.Until, k.End)
	}
	if len(in.Panes) == 0 {
		return nil
	}
	state := detect.State{Merged: driftd.MinTime}
	return detect.Step(&rules, &state, in)
}
