package main

// sim is enough worlds to find what a missing clause does.
const sim = "./internal/sim -run TestSim -sim.runs=300 -sim.faults=12"

const (
	task    = "internal/pipeline/profile_task.go"
	role    = "internal/pipeline/profile_role.go"
	gaps    = "internal/pipeline/profile_gap.go"
	detect  = "internal/pipeline/detect_task.go"
	front   = "internal/pipeline/frontiers.go"
	state   = "internal/pipeline/detect_write.go"
	restore = "internal/pipeline/detect_role.go"
	owner   = "internal/pipeline/owner.go"
)

var mutants = []mutant{
	{"T1", "the watermark takes the event's time", task, "t.least = min(t.least, ev.Time)", "_ = ev.Time", sim},
	{"T1", "the watermark takes the record's time", task, "	t.least = t.recTime\n	t.counts.Records++", "	t.least = driftd.MaxTime\n	t.counts.Records++", sim},
	{"T1", "the watermark lags by the lateness", task, "t.advance(t.least-int64(t.src.Lateness), rec.Offset)", "t.advance(t.least, rec.Offset)", sim},
	{"T1", "a record that is not counted moves it, by its own time", task, "		t.rejected(rec.Offset)\n", "		t.rejected(rec.Offset)\n		return nil\n", sim},
	{"T1", "an event that is too old moves it by the record's time alone", task, "		t.counts.TooOld++\n", "		t.counts.TooOld++\n		t.least = min(t.least, ev.Time)\n", sim},
	{"T2", "profiles come before the commit", task, "	if err := t.out.profiles(ctx, t.panes.Below(t.meta.Frontier)); err != nil {", "	if err := t.commit(ctx); err != nil {\n		return err\n	}\n	if err := t.out.profiles(ctx, t.panes.Below(t.meta.Frontier)); err != nil {", sim},
	{"T2", "profiles come before the markers", task, "	if err := t.out.profiles(ctx, t.panes.Below(t.meta.Frontier)); err != nil {", "	if err := t.mark(ctx); err != nil {\n		return err\n	}\n	if err := t.out.profiles(ctx, t.panes.Below(t.meta.Frontier)); err != nil {", sim},
	{"T3", "an idle move commits before its markers", task, "		steps[0], steps[1] = steps[1], steps[0]", "		_ = steps", "./internal/pipeline -run TestIdleMoveThatIsNotCommitted"},
	{"T3", "no record is judged by an idle move that may not have been committed", role, " || t.byClock {", " {", "./internal/pipeline -run TestGoesOn"},
	{"T3", "an idle move goes by the clock of when the broker was asked", "internal/pipeline/profile_idle.go", "now, known := t.clock.at(asked)", "now, known := t.set.Now().UnixNano(), true", sim},
	{"T4", "the number of partitions is asked before each marker", task, "	n, err := t.client.Partitions(ctx, t.src.Topic)\n", "	n, err := len(t.member.Partitions), error(nil)\n", sim},
	{"T4", "a partition without frontier holds the windows", front, "	if seen == 0 || seen < n {", "	if seen == 0 {", sim},
	{"T4", "the number of partitions is that of the greatest epoch", front, "if v.Epoch > epoch || v.Epoch == epoch && v.Partitions > n {", "if n == 0 && epoch < 0 {", "./internal/pipeline -run TestWhereDataBegin|TestGreaterNumberOfPartitionsHolds"},
	{"T4", "windows that were open when a partition appeared are not complete", front, "v.Grown, v.Cut, v.Begin = true, true, furthest", "v.Grown = true", "./internal/pipeline -run TestWhereDataBegin"},
	{"T5", "a partition too far ahead stops reading", "internal/pipeline/pace.go", "frontier-least > ahead)", "frontier-least > ahead<<20)", "./internal/pipeline -run TestPace"},
	{"E1", "what was settled before S is not counted again as late", task, "case offset >= t.meta.Since:", "default:", sim},
	{"E1", "the commit is at the first record that an open pane needs", task, "	at := t.panes.FirstNeeded()\n", "	at := int64(-1)\n", sim},
	{"E1", "the frontier stands in the commit", role, "	t.meta, t.out.epoch = meta, meta.Epoch\n", "	meta.Frontier = driftd.MinTime\n	t.meta, t.out.epoch = meta, meta.Epoch\n", sim},
	{"E1", "a partition without a commit begins at a sibling's T0", role, "meta.T0, known = m.T0, true", "_ = m", "./internal/pipeline -run TestAddedPartitionBegins"},
	{"E2", "a new owner has a greater epoch", role, "	meta.Epoch = max(meta.Epoch+1, t.set.Now().UnixMilli())", "	meta.Epoch = max(meta.Epoch, 1)", "./internal/pipeline -run TestTakeRaisesTheEpoch"},
	{"E2", "it tells the epoch before its first record", role, "	return t.mark(ctx)\n}", "	return nil\n}", "./internal/pipeline -run TestTakeRaisesTheEpoch"},
	{"E2", "what is of a lower epoch is dropped", front, "return epoch < f.at[k].Epoch }", "return false }", "./internal/pipeline -run TestStateGoesBack|TestGapThatSaysNothing|TestZombie"},
	{"E3", "a repeat overwrites", detect, "		p.parts[key] = m.Profile\n", "		if p.parts[key] == nil {\n			p.parts[key] = m.Profile\n		}\n", sim},
	{"E3", "below the frontier it is ignored", detect, "	if m.Pane < s.state.Merged {\n		return nil\n	}\n", "", sim},
	{"E3", "below a partition's frontier a profile is ignored", front, "	return ok && pane < v.Frontier\n", "	return ok && pane < v.Frontier && pane < driftd.MinTime\n", "./internal/pipeline -run TestBegunAnewReplacesNothing"},
	{"E4", "state goes back to the first profile that an open pane needs", state, "		at = min(at, p.offset)", "		_ = p", sim},
	{"E4", "results come before state", state, "	if err := t.writeResults(ctx); err != nil {\n		return err\n	}\n	every", "	defer func() { _ = t.writeResults(ctx) }()\n	every", sim},
	{"E4", "a state has the frontiers of where it goes back to, and not only their epochs", front, "			out[c.of] = c.before\n", "			v := out[c.of]\n			v.Epoch = c.before.Epoch\n			out[c.of] = v\n", "./internal/pipeline -run TestFrontiersOfAnOffset"},
	{"E4", "a task goes on with the frontiers of the state that goes back furthest", front, "		f.at, others = maps.Clone(from), f.at\n", "		if len(f.at) == 0 {\n			f.at = maps.Clone(from)\n		}\n", "./internal/pipeline -run TestRestoreTakesTheOldestFrontiers"},
	{"E4", "a state has the epochs that were in force where it goes back to", state, "Frontiers: t.front.asOf(at)", "Frontiers: t.front.at", "./internal/pipeline -run TestStateGoesBack"},
	{"E4", "series without a state come first", state, "	due = append(due, fresh...)\n", "	_ = fresh\n", "./internal/pipeline -run TestNewSeriesHaveAStateFirst"},
	{"E4", "reading goes on at the oldest as-of", restore, "		oldest := first || st.AsOf < t.next\n", "		oldest := first || st.AsOf > t.next\n", sim},
	{"E5", "a row that is written again has the revision that it had", detect, "Revision: t.next - 1}", "Revision: t.set.Now().UnixNano()}", sim},
	{"E6", "WRITE commits after the sink has accepted", "internal/pipeline/write_task.go", "		if len(batch) > 0 {\n", "		if err := t.client.CommitOffset(ctx, t.group, t.member.Generation, t.member.MemberID, topic, t.partition, chunk.Next, \"\"); err != nil {\n			return err\n		}\n		if len(batch) > 0 {\n", sim},
	{"E7", "lost records are told", gaps, "	for _, g := range t.gaps {\n", "	for _, g := range t.gaps[:0] {\n", sim},
	{"E7", "nothing passes a gap whose end is not known", gaps, "	if t.unbound {\n		return false, nil\n	}\n", "", "./internal/pipeline -run TestTopicMadeAnew"},
	{"E7", "windows that overlap a gap are not complete", "internal/detect/gap.go", "if g := &gaps[i]; g.From < end && g.To > start {", "if g := &gaps[i]; false {", sim},
	{"E7", "a profile made after a gap replaces none from before", detect, "!p.sealed[from] || p.parts[key] == nil", "true", "./internal/pipeline -run TestGapInBand"},
	{"E7", "a gap is kept until its windows have closed", front, "		by := since()\n", "		by := since() + v.Gaps[0].To\n", "./internal/pipeline -run TestGapGoesWithItsWindows"},
	{"E7", "who begins a known partition without a commit loses what was open", front, "			v.Anew = true // ", "			// ", "./internal/pipeline -run TestBegunAnew"},
	{"E7", "offsets of a topic that was made anew begin again", gaps, "			t.meta.Since = to // ", "			// ", "./internal/pipeline -run TestTopicMadeAnew"},
	{"E7", "what a topic made anew lacks reaches to where its reader has passed the old frontier", front, "			to, v.Beyond = driftd.MaxTime, g.Beyond\n", "", "./internal/pipeline -run TestBegunAnewBehindTheFrontier"},
	{"E8", "records of aborted transactions do not count", "internal/kafka/walk.go", "!(attr&attrTransactional != 0 && slices.Contains(w.skip, b.producer()))", "true", "./internal/kafka -run TestWalkTransactions"},
	{"E8", "control records do not count", "internal/kafka/walk.go", "		if attr&attrControl != 0 {", "		if attr&attrControl != 0 && isAbort(b) {", "./internal/kafka -run TestWalkTransactions"},
	{"E10", "which of many models stand for themselves does not depend on who came first", "internal/fold/fold.go", "cmp.Compare(driftd.Hash64(a.model.Name), driftd.Hash64(b.model.Name))", "cmp.Compare(0, 0)", "./internal/fold -run TestLimit"},
	{"E11", "a claim has been read again before its owner answers", owner, "		if !r.owns(p, epochs[p], by) {\n", "		if false {\n", "./internal/pipeline -run TestClaimsAtOnce"},
	{"E11", "the answer of a process that has lost the partition does not count", owner, "	if u.Epoch != 0 && u.Epoch < ", "	if u.Epoch < 0 && u.Epoch < ", "./internal/pipeline -run TestLateAnswersDoNotCount"},
	{"E11", "nor does compaction leave it", owner, "		r.hidden[s] = true\n", "", "./internal/pipeline -run TestLateAnswersDoNotCount"},
	{"E11", "nor what nobody asks for any more", owner, " || r.requests[s] == nil) {", ") {", "./internal/pipeline -run TestLateAnswerForNothing"},
	{"E11", "nor a claim that does not hold", owner, "		r.beaten[p] = true\n", "", "./internal/pipeline -run TestLateClaim"},
	{"E11", "an owner that another claim has overtaken answers nothing more", restore, "	if t.refs.epoch(t.partition) > t.epoch {\n", "	if false {\n", "./internal/pipeline -run TestOvertakenOwnerJoinsAgain"},
	{"E11", "no reference takes effect during a replay", restore, "	if t.next < t.replay {\n		return nil\n	}\n", "", "./internal/pipeline -run TestNoReferenceTakesEffectDuringReplay"},
	{"E11", "a layout takes effect at its time", "internal/pipeline/profile_task.go", "		if t.src.Map.Rows == \"\" && t.catalog.at(ev.Model, start) != ev.Model {", "		if false {", "./internal/pipeline -run TestLayoutTakesEffectAtItsTime"},
	{"E11", "a reference that is written again changes nothing", "internal/pipeline/references.go", "	if r.layouts[l.Fingerprint] != nil {", "	if false {", "./internal/pipeline -run TestPushedAgainKeepsTheLayout"},
	{"E12", "pane length and partitions are fixed for a prefix", "internal/pipeline/topics.go", "	if fixed.Pane != int64(s.Pane) || int(fixed.Partitions) != n {", "	if false {", "./internal/pipeline -run TestFixedForAPrefix"},
	{"E12", "a new window length begins with a whole window", "internal/detect/step.go", "		if first.Start < w.Start {", "		if false {", "./internal/detect -run TestReloadedLengths"},
	{"E13", "what was forgotten stays forgotten when it is read again", "internal/pipeline/forgotten.go", "	return len(t.gone) > 0 && (offset", "	return len(t.gone) < 0 && (offset", "./internal/pipeline -run TestForgottenProfilesArePassedOver"},
	{"E13", "a state that began before is none", "internal/pipeline/forgotten.go", "	return m.Since <= through, nil", "	return m.Since < 0, nil", "./internal/pipeline -run TestForgottenStateIsNotRestored"},
}
