package inspect

import (
	"time"

	"github.com/driftd/driftd/internal/config"
)

// Record is one record of the sample.
type Record struct {
	Key, Value []byte // nil Value: a tombstone
	Time       int64  // ns since 1970; negative: the record has no timestamp
	Partition  int
	Offset     int64
}

// Options say what is known of the topic beside its records.
type Options struct {
	Topic      string
	Partitions int
	Model      string // of events that name none; "": the topic's name where no event names one
	LogAppend  bool   // record times are the broker's clock
}

// Share is a name with how often it was found.
type Share struct {
	Name  string  `json:"name"`
	Count int     `json:"count"`
	Share float64 `json:"share"` // 0 to 1
}

// Failure is a reason why records cannot be used.
type Failure struct {
	Reason    string `json:"reason"` // as driftd_dead_letters_total has it
	Count     int    `json:"count"`
	Partition int    `json:"partition"` // of the first
	Offset    int64  `json:"offset"`
	Error     string `json:"error"`
	Excerpt   string `json:"excerpt"` // at most 60 bytes of it, quoted
}

// Report is what a sample says.
type Report struct {
	Topic      string    `json:"topic"`
	Partitions int       `json:"partitions"`
	Records    int       `json:"records"`
	From       time.Time `json:"from"` // record times
	To         time.Time `json:"to"`
	TimeType   string    `json:"time_type"` // CreateTime or LogAppendTime

	Formats  []Share `json:"formats"`
	Is       string  `json:"is"` // what the records are, in words
	Readable bool    `json:"readable"`
	Advice   string  `json:"advice,omitempty"` // what to do when they cannot be read

	Decoded  int       `json:"decoded"` // records
	Events   int       `json:"events"`
	Failures []Failure `json:"failures,omitempty"`
	Models   []Share   `json:"models,omitempty"`
	Columns  []Column  `json:"columns,omitempty"`
	LeftOut  []LeftOut `json:"left_out,omitempty"`
	Tags     []Tag     `json:"tags,omitempty"`
	Delay    *Delay    `json:"delay,omitempty"`
	Rate     float64   `json:"events_per_second"` // 0: cannot be told
	Notes    []string  `json:"notes,omitempty"`

	Source   config.Source `json:"-"` // when Readable
	segments []segment
	ownTags  []string // names of the tags that events may have
}

// LeftOut is a field that is not watched.
type LeftOut struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

func (r *Report) note(s string) { r.Notes = append(r.Notes, s) }

// Inspect says what records are and how driftd would read them. It never fails:
// where they cannot be read, Readable is false and Advice says what to do.
func Inspect(records []Record, opt Options) *Report {
	r := &Report{Topic: opt.Topic, Partitions: opt.Partitions, Records: len(records), TimeType: "CreateTime"}
	if opt.LogAppend {
		r.TimeType = "LogAppendTime"
	}
	r.span(records)
	parsed := classify(records, r)
	if !r.Readable {
		return r
	}
	p := newProposer(parsed, r)
	p.propose()
	if p.nothing() {
		r.Readable = false
		r.Is = "JSON in which nothing looks like a feature or a prediction"
		r.Advice = "its fields are " + p.fieldList() + ". If some of them are features, write sources[].map by hand: docs/CONFIG.md has its keys."
		return r
	}
	r.Source = config.Source{Topic: opt.Topic, Map: p.m, Lateness: defaultLateness, MaxAge: defaultMaxAge, MaxBytes: defaultMaxBytes}
	r.nameModels(p, opt.Model)
	r.ownTags = p.tagNames()
	r.size(records)
	d := decode(records, r)
	r.Columns, r.Models = d.columns(), d.models()
	r.leaveOut(p, d)
	if before := r.Source.Model; len(r.Models) > 0 {
		if r.carries(d); r.Source.Model != before { // what the report says must be true of what it proposes
			r.Decoded, r.Failures = 0, nil
			d = decode(records, r)
		}
	}
	r.judgeTags(d)
	r.judgeTimes(d, p)
	return r
}

func (r *Report) span(records []Record) {
	for _, x := range records {
		if x.Time < 0 {
			continue
		}
		t := time.Unix(0, x.Time).UTC()
		if r.From.IsZero() || t.Before(r.From) {
			r.From = t
		}
		if t.After(r.To) {
			r.To = t
		}
	}
}
