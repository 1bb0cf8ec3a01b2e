package driftd

import (
	"strings"

	"github.com/cespare/xxhash/v2"
)

// AllSegment is the segment that every event of a model counts in.
const AllSegment = "all"

// OtherValue stands for every value of a segment tag that is not declared.
const OtherValue = "other"

// Series is one watched stream: a model, or one segment of it.
type Series struct {
	Model   string `json:"model"`
	Segment string `json:"segment"`
}

// Key is the series' name in Kafka keys: model and segment with an escape for
// the separator, so that two series never share a key.
func (s Series) Key() string {
	return strings.ReplaceAll(strings.ReplaceAll(s.Model, "%", "%25"), "/", "%2F") + "/" + s.Segment
}

// ParseSeriesKey is the inverse of Key.
func ParseSeriesKey(key string) (Series, bool) {
	model, segment, ok := strings.Cut(key, "/")
	if !ok {
		return Series{}, false
	}
	model = strings.ReplaceAll(strings.ReplaceAll(model, "%2F", "/"), "%25", "%")
	return Series{Model: model, Segment: segment}, true
}

// Partition says which of n partitions of driftd.profiles the series lives in.
// The hash is part of the stored format: it never changes.
func (s Series) Partition(n int) int { return int(Hash64(s.Key()) % uint64(n)) }

// SegmentTag declares one way to cut a model's traffic: one tag, or several
// crossed, and the values that get a series of their own. Every other
// combination counts in the tag's `other`.
type SegmentTag struct {
	Tags   []string // tag names, in the order of the values' parts
	Values []string // for crossed tags the parts are joined by ","
}

// Name is the tag's name, crossed tags joined by ",".
func (t SegmentTag) Name() string { return strings.Join(t.Tags, ",") }

// Segment is the name of the segment for one value: "country=DE", or
// "country=DE,device=ios" for crossed tags.
func (t SegmentTag) Segment(value string) string {
	if len(t.Tags) == 1 || value == OtherValue {
		return t.Name() + "=" + value
	}
	parts := strings.Split(value, ",")
	for i := range parts {
		if i < len(t.Tags) {
			parts[i] = t.Tags[i] + "=" + parts[i]
		}
	}
	return strings.Join(parts, ",")
}

// Segments lists every segment of a model in a fixed order: `all`, then each
// tag's declared values and its `other`.
func Segments(tags []SegmentTag) []string {
	out := []string{AllSegment}
	for _, t := range tags {
		for _, v := range t.Values {
			out = append(out, t.Segment(v))
		}
		out = append(out, t.Segment(OtherValue))
	}
	return out
}

// Hash64 is the one hash of the stored formats (levels, series, row choice):
// XXH64 with seed 0.
func Hash64(s string) uint64 { return xxhash.Sum64String(s) }

// HashBytes is Hash64 of bytes.
func HashBytes(b []byte) uint64 { return xxhash.Sum64(b) }

// Mix64 turns a counter into a well-spread hash (the finaliser of SplitMix64:
// Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, 2014).
func Mix64(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
