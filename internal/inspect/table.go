package inspect

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"
)

// WriteTable writes the report as people read it.
func (r *Report) WriteTable(out io.Writer) error {
	var b strings.Builder
	r.tellRecords(&b)
	if r.Readable {
		r.tellModels(&b)
		r.tellColumns(&b)
		r.tellTags(&b)
		r.tellTimes(&b)
	}
	r.tellFailures(&b)
	if len(r.Notes) > 0 {
		b.WriteString("\nTo know\n")
		for _, n := range r.Notes {
			fmt.Fprintf(&b, "  - %s\n", n)
		}
	}
	var lines []string // tabwriter leaves blanks at the ends of lines
	for line := range strings.SplitSeq(b.String(), "\n") {
		lines = append(lines, strings.TrimRight(line, " "))
	}
	_, err := io.WriteString(out, strings.Join(lines, "\n"))
	return err
}

func records(n int) string {
	if n == 1 {
		return "record"
	}
	return fmt.Sprintf("%d records", n)
}

func table(b *strings.Builder, rows [][]string) {
	w := tabwriter.NewWriter(b, 2, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, "  "+strings.Join(row, "\t"))
	}
	_ = w.Flush() // a strings.Builder takes everything
}

func (r *Report) tellRecords(b *strings.Builder) {
	fmt.Fprintf(b, "Topic %s: the last %s of %d partitions", r.Topic, records(r.Records), r.Partitions)
	if !r.From.IsZero() {
		fmt.Fprintf(b, ", written from %s to %s UTC", r.From.Format(time.DateTime), r.To.Format(time.DateTime))
	}
	fmt.Fprintf(b, "\nThey are %s\n", r.Is)
	if len(r.Formats) > 1 {
		var rows [][]string
		for _, f := range r.Formats {
			rows = append(rows, []string{f.Name, strconv.Itoa(f.Count), percent(f.Share)})
		}
		table(b, rows)
	}
	if r.Readable {
		b.WriteString(r.Verdict() + "\n")
	}
}

// Verdict says how many records decode with the proposal.
func (r *Report) Verdict() string {
	s := fmt.Sprintf("%d of %d sampled records decode", r.Decoded, r.Records)
	if r.Events != r.Decoded {
		s += fmt.Sprintf(" (%d events)", r.Events)
	}
	if len(r.Failures) > 0 {
		f := r.Failures[0]
		s += fmt.Sprintf("; first failure: partition %d offset %d: %s: %s", f.Partition, f.Offset, f.Reason, f.Error)
	}
	return s
}

func (r *Report) tellModels(b *strings.Builder) {
	rows := [][]string{{"model", "events", "share"}}
	for _, m := range r.Models[:min(len(r.Models), 20)] {
		rows = append(rows, []string{quoted(m.Name), strconv.Itoa(m.Count), percent(m.Share)})
	}
	if len(r.Models) > 20 {
		rows = append(rows, []string{fmt.Sprintf(".. and %d more", len(r.Models)-20)})
	}
	b.WriteString("\nModels\n")
	table(b, rows)
}

const mostRows = 200

func (r *Report) tellColumns(b *strings.Builder) {
	if len(r.Columns) == 0 {
		b.WriteString("\nNo column: the events have neither features nor a prediction\n")
		return
	}
	rows := [][]string{{"column", "kind", "missing", "null", "levels", "values", ""}}
	for _, c := range r.Columns[:min(len(r.Columns), mostRows)] {
		note := c.Note
		if len(c.Models) > 0 {
			names := make([]string, len(c.Models))
			for i, m := range c.Models {
				names[i] = quoted(m)
			}
			if len(names) > 3 {
				names = append(names[:3], "..")
			}
			note = strings.TrimPrefix(note+"; only of "+strings.Join(names, ", "), "; ")
		}
		rows = append(rows, []string{quoted(c.Name), c.Kind, percent(c.Missing), percent(c.Null), levels(c.Levels, c.More), c.values(), note})
	}
	if len(r.Columns) > mostRows {
		rows = append(rows, []string{fmt.Sprintf(".. and %d more", len(r.Columns)-mostRows)})
	}
	b.WriteString("\nColumns\n")
	table(b, rows)
	if len(r.LeftOut) > 0 {
		b.WriteString("\nLeft out\n")
		rows = nil
		for _, x := range r.LeftOut {
			rows = append(rows, []string{quoted(x.Name), x.Reason})
		}
		table(b, rows)
	}
}

// values are the range, or the most frequent levels.
func (c *Column) values() string {
	switch c.Kind {
	case "numeric":
		return fmt.Sprintf("%s .. %s", short(c.Min), short(c.Max))
	case "empty", "unreadable":
		return "-"
	}
	return shares(c.Top)
}

func shares(top []Share) string {
	parts := make([]string, len(top))
	for i, s := range top {
		parts[i] = fmt.Sprintf("%s %s", brief(s.Name), percent(s.Share))
	}
	return strings.Join(parts, ", ")
}

// brief is a level, quoted where it must be and cut to a table's width.
func brief(s string) string {
	s = quoted(s)
	if utf8.RuneCountInString(s) > 24 {
		s = string([]rune(s)[:22]) + ".."
	}
	return s
}

func short(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }

func levels(n int, more bool) string {
	if more {
		return "> " + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

func percent(x float64) string { return strconv.FormatFloat(100*x, 'f', 1, 64) + " %" }

func (r *Report) tellTags(b *strings.Builder) {
	if len(r.Tags) == 0 {
		return
	}
	rows := [][]string{{"tag", "present", "levels", "values", "segment", ""}}
	for _, t := range r.Tags {
		yes := "no"
		if t.Segment {
			yes = "yes"
		}
		rows = append(rows, []string{quoted(t.Name), percent(t.Present), levels(t.Levels, t.More), shares(t.Top), yes, t.Why})
	}
	b.WriteString("\nTags\n")
	table(b, rows)
}

func (r *Report) tellTimes(b *strings.Builder) {
	b.WriteString("\nTime\n")
	if y := r.Delay; y != nil {
		fmt.Fprintf(b, "  from event to record (%s): p50 %s, p99 %s, p99.9 %s, max %s; %s of the events are ahead of their record\n", r.TimeType, y.P50, y.P99, y.P999, y.Max, percent(y.Ahead))
		fmt.Fprintf(b, "  proposed: lateness %s, max_age %s\n", y.Lateness, y.MaxAge)
	} else {
		fmt.Fprintf(b, "  events take their record's time (%s)\n", r.TimeType)
	}
	if r.TimeType == "CreateTime" {
		b.WriteString("  the producers' clocks set the record times; message.timestamp.type=LogAppendTime on the topic is safer\n")
	}
	if r.Rate > 0 {
		fmt.Fprintf(b, "  traffic: about %s events a second, %s an hour\n", short3(r.Rate), short3(r.Rate*3600))
	} else {
		b.WriteString("  traffic: cannot be told from these records (no two of a partition differ in time)\n")
	}
}

// short3 writes a number with three digits that count.
func short3(x float64) string {
	if x >= 1000 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

func (r *Report) tellFailures(b *strings.Builder) {
	if len(r.Failures) == 0 {
		return
	}
	b.WriteString("\nRecords that cannot be used\n")
	rows := [][]string{{"reason", "records", "first at", "why", "it begins"}}
	for _, f := range r.Failures {
		rows = append(rows, []string{f.Reason, strconv.Itoa(f.Count), fmt.Sprintf("%d/%d", f.Partition, f.Offset), f.Error, f.Excerpt})
	}
	table(b, rows)
}

// JSON is the report for programs, with the config in it (nil: none).
func (r *Report) JSON(config []byte) ([]byte, error) {
	type source struct {
		Topic    string   `json:"topic"`
		Model    string   `json:"model,omitempty"`
		Models   []string `json:"models,omitempty"`
		Lateness Duration `json:"lateness"`
		MaxAge   Duration `json:"max_age"`
		Native   bool     `json:"native"` // needs no map
	}
	out := struct {
		*Report
		Source *source `json:"source,omitempty"`
		Config string  `json:"config,omitempty"`
	}{Report: r, Config: string(config)}
	if r.Readable {
		s := r.Source
		out.Source = &source{s.Topic, s.Model, s.Models, Duration(s.Lateness), Duration(s.MaxAge), s.Map.Features == "" && len(s.Map.Predictions) == 0}
	}
	return json.MarshalIndent(out, "", "  ")
}
