package wire

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/detect"
)

// WindowKey is the key of a series' window in driftd.windows: a repeat replaces.
func WindowKey(s driftd.Series, start int64) string { return fmt.Sprintf("%s/%d", s.Key(), start) }

// ParseWindowKey reads it back: the series' key and the start of the window.
func ParseWindowKey(key string) (series string, start int64, ok bool) {
	i := strings.LastIndexByte(key, '/')
	if i < 0 {
		return "", 0, false
	}
	start, err := strconv.ParseInt(key[i+1:], 10, 64)
	return key[:i], start, err == nil
}

// EncodeWindow gives the bytes of a record of driftd.windows.
func EncodeWindow(s driftd.Series, k *detect.Kept) ([]byte, error) {
	m := &WindowRecord{MinReader: 1, Model: s.Model, Segment: s.Segment, Layout: k.Layout, Start: k.Start, Length: int64(k.Length), Profile: ProfileToWire(k.Profile), NewX: k.NewX, Unfit: k.Unfit}
	for _, i := range k.Flagged {
		m.Flagged = append(m.Flagged, int32(i))
	}
	b, err := marshal.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode a window of %s: %w", s.Key(), err)
	}
	return b, nil
}

// DecodeWindow reads a record of driftd.windows. layout finds a layout by its
// fingerprint; where it gives nil the window is nil too: nobody wants it.
func DecodeWindow(b []byte, layout func(fingerprint string) *driftd.Layout) (*detect.Kept, error) {
	var m WindowRecord
	if err := proto.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("decode a window: %w", err)
	}
	if err := readable("a window", m.MinReader); err != nil {
		return nil, err
	}
	l := layout(m.Layout)
	if l == nil {
		return nil, nil
	}
	p, err := ProfileFromWire(m.Profile, l)
	if err != nil {
		return nil, fmt.Errorf("decode a window of model %q: %w", m.Model, err)
	}
	if len(m.NewX) != 0 && len(m.NewX) != len(l.Columns) {
		return nil, fmt.Errorf("decode a window of model %q: new levels of %d columns, the layout has %d", m.Model, len(m.NewX), len(l.Columns))
	}
	k := &detect.Kept{Window: driftd.Window{Start: m.Start, End: m.Start + m.Length, Length: time.Duration(m.Length)}, Layout: m.Layout, Profile: p, NewX: m.NewX, Unfit: m.Unfit}
	for _, i := range m.Flagged {
		if i < 0 || int(i) >= len(l.Columns) {
			return nil, fmt.Errorf("decode a window of model %q: column %d of %d drifted", m.Model, i, len(l.Columns))
		}
		k.Flagged = append(k.Flagged, int(i))
	}
	return k, nil
}

// OriginToWire converts where a reference came from.
func OriginToWire(o *detect.Origin) *Origin {
	m := &Origin{Kind: o.Kind, By: toUTF8(o.By), At: o.At, Reason: toUTF8(o.Reason), Learned: o.Learned, First: o.First, Trusted: o.Trusted}
	for _, c := range o.Columns {
		m.Columns = append(m.Columns, toUTF8(c))
	}
	for _, c := range slices.Sorted(maps.Keys(o.Since)) {
		m.Since = append(m.Since, &Since{Column: toUTF8(c), Start: o.Since[c]})
	}
	return m
}

// OriginFromWire reads it; records from before it was told have none: pushed.
func OriginFromWire(m *Origin) detect.Origin {
	if m == nil {
		return detect.Origin{Kind: detect.Pushed}
	}
	o := detect.Origin{Kind: m.Kind, By: m.By, At: m.At, Reason: m.Reason, Learned: m.Learned, First: m.First, Columns: m.Columns, Trusted: m.Trusted}
	for _, s := range m.Since {
		if o.Since == nil {
			o.Since = map[string]int64{}
		}
		o.Since[s.Column] = s.Start
	}
	return o
}
