//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/oracle"
	"github.com/driftd/driftd/sinks/clickhouse"
)

// settle waits until the tables are complete, and holds them against the oracle.
func (r *faultRun) settle() {
	t := r.t
	r.keepClickHouse()
	for p, s := range r.src.sources {
		records, err := r.src.read(r.ctx, p)
		must(t, err)
		if s.Lost != nil {
			copy(records[:s.Lost.To], s.Records)
		}
		s.Records = records
		if s.Anew {
			s.Reached, err = r.src.reached(r.ctx, r.prefix+".profiles", p, s.Known)
			must(t, err)
		}
	}
	end := r.born.Add(faultHours * time.Hour).UnixNano()
	cfg := oracle.Config()
	counted := oracle.Count(r.bundle, append(slices.Clone(r.src.past), r.src.sources...))
	results := counted.Results(cfg, r.bundle, nil, end+int64(time.Hour), end)
	want := oracle.Rows(results)
	must(t, r.writeWanted(results))
	wanted, err := r.rows("want_" + r.base)
	must(t, err)

	var wrong []string
	for deadline := time.Now().Add(settleIn); ; time.Sleep(time.Second) {
		r.keepClickHouse()
		wrong = nil
		var table, files map[string]string
		table, err = r.rows(r.base)
		if err == nil {
			files, err = written(r.files)
		}
		if err == nil {
			wrong = append(prefixed("ClickHouse", counted.Compare(without(wanted, table, end), table, end)), prefixed("files", counted.Compare(want, files, end))...)
			r.out.rows = len(table) + len(files)
		}
		if err == nil && len(wrong) == 0 || time.Now().After(deadline) {
			break
		}
	}
	switch {
	case err != nil:
		r.stalled("the tables cannot be read: %v", err)
	case len(wrong) > 0:
		r.out.differing = len(wrong)
		for _, w := range wrong[:min(len(wrong), 6)] {
			t.Error(w)
		}
		if last := r.born.Add((faultHours - 1) * time.Hour); !r.has(last) {
			r.stalled("the windows of %s are not all there after %v", last.Format("15:04"), settleIn)
		}
	}
	r.told()
	t.Logf("%d faults, %d rows, nothing was lost for ever: %v; %v", r.out.injected, r.out.rows, counted.Whole(), r.out.kinds)
	for _, m := range r.members {
		if err := m.terminate(); err != nil {
			r.stalled("%v", err)
		}
	}
}

// without leaves incidents out that have gone on since: the table has their newest
// state alone, and that is of a window that ended after end.
func without(wanted, table map[string]string, end int64) map[string]string {
	out := maps.Clone(wanted)
	for id, row := range table {
		var in struct {
			Changed time.Time `json:"changed_at"`
		}
		if strings.HasPrefix(id, "incident") && json.Unmarshal([]byte(row), &in) == nil && in.Changed.UnixNano() > end {
			delete(out, id)
		}
	}
	return out
}

func prefixed(where string, wrong []string) (out []string) {
	for _, w := range wrong {
		out = append(out, where+": "+w)
	}
	return out
}

// writeWanted has the sink itself write what the oracle expects into tables beside driftd's.
func (r *faultRun) writeWanted(results []driftd.Result) error {
	cfg := writerConfig(r.ch)
	cfg.Database = "want_" + r.base
	w := clickhouse.New(cfg)
	if err := w.Open(r.ctx); err != nil {
		return err
	}
	for i := range results { // the oracle's have none; of an incident's states the last one stays
		if in := results[i].Incident; in != nil {
			in.Revision = int64(i + 1)
		}
	}
	return errors.Join(w.Write(r.ctx, results), w.Close())
}

// rows reads the tables of a database as ClickHouse prints them, by identity.
func (r *faultRun) rows(database string) (map[string]string, error) {
	out := map[string]string{}
	for table, identity := range map[string][]string{
		"driftd_windows":   {"segment", "window_length", "window_start"},
		"driftd_columns":   {"segment", "column", "window_length", "window_start"},
		"driftd_incidents": {"type", "segment", "id"},
	} {
		err := r.query("SELECT * EXCEPT (revision, config_hash, version) FROM "+database+"."+table+" FINAL", func(line []byte) error {
			var row map[string]any
			if err := json.Unmarshal(line, &row); err != nil {
				return err
			}
			id := table[len("driftd_") : len(table)-1]
			for _, name := range identity {
				id += fmt.Sprint(" ", row[name])
			}
			out[id] = string(line)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (r *faultRun) query(sql string, each func(line []byte) error) error {
	ctx, stop := context.WithTimeout(r.ctx, 10*time.Second)
	defer stop()
	q := url.Values{"query": {sql + " FORMAT JSONEachRow SETTINGS date_time_output_format = 'iso', output_format_json_quote_64bit_integers = 0, output_format_json_quote_denormals = 1"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.ch.HTTP+"/?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	req.SetBasicAuth(r.ch.User, r.ch.Password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(res.Body)
		return fmt.Errorf("%s: %s", res.Status, b)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if err := each(lines.Bytes()); err != nil {
			return err
		}
	}
	return lines.Err()
}

var configHash = regexp.MustCompile(`,"config_hash":"\w+"`)

// written reads the files of processes. Whatever was written twice was written
// the same, but for the hash of a process's own config [E5].
func written(files []string) (map[string]string, error) {
	rows, lines := map[string]string{}, map[string]string{}
	for _, path := range files {
		f, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		s := bufio.NewScanner(f)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			var res driftd.Result
			if err := json.Unmarshal(s.Bytes(), &res); err != nil {
				_ = f.Close()
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			id, row, _ := oracle.Row(res)
			line := configHash.ReplaceAllString(s.Text(), "")
			if old, ok := lines[id]; ok && old != line {
				_ = f.Close()
				return nil, fmt.Errorf("%s was written in two versions:\n  %s\n  %s", id, old, line)
			}
			rows[id], lines[id] = row, line
		}
		_ = f.Close()
		if err := s.Err(); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// has says whether the table has every series' window of an hour.
func (r *faultRun) has(start time.Time) bool {
	n := 0
	err := r.query(fmt.Sprintf("SELECT segment FROM %s.driftd_windows FINAL WHERE window_length = 3600 AND window_start = '%s'", r.base, start.Format(time.DateTime)), func([]byte) error {
		n++
		return nil
	})
	return err == nil && n >= len(driftd.Segments(r.bundle.Layout.Segments))
}

// told looks for each incident of the table at the webhook: that it is open, and
// when it is over, that too.
func (r *faultRun) told() {
	type incident struct{ ID, Segment, Type, State string }
	var all []incident
	err := r.query("SELECT id, segment, type, state FROM "+r.base+".driftd_incidents FINAL", func(line []byte) error {
		var in incident
		err := json.Unmarshal(line, &in)
		all = append(all, in)
		return err
	})
	must(r.t, err)
	missing := func() (out []incident) {
		got := map[string]bool{}
		for _, n := range r.hook.Notifications() {
			for _, a := range n.Alerts {
				got[a.Status+" "+a.Annotations["incident"]] = true
			}
		}
		for _, in := range all {
			if !got["firing "+in.ID] || in.State == driftd.StateResolved && !got["resolved "+in.ID] {
				out = append(out, in)
			}
		}
		return out
	}
	for deadline := time.Now().Add(tellIn); len(missing()) > 0 && time.Now().Before(deadline); {
		time.Sleep(time.Second)
	}
	lost := missing()
	r.out.lost = len(lost)
	for _, in := range lost {
		r.note("an incident was not told: %+v", in)
		r.t.Errorf("an incident was not told: %+v", in)
	}
	r.note("%d incidents were told", len(all)-len(lost))
}
