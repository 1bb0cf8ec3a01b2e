package driftd

import (
	"testing"
	"time"
)

// Hours of the clock on the wall, through both changes of daylight saving time.
func TestSlotAt(t *testing.T) {
	load := func(name string) *time.Location {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return loc
	}
	berlin, kolkata, auckland := load("Europe/Berlin"), load("Asia/Kolkata"), load("Pacific/Auckland")
	for _, c := range []struct {
		at   string
		loc  *time.Location
		want string
		day  string
	}{
		{"2026-11-27T23:00:00Z", time.UTC, "23:00 on weekdays", "2026-11-27"}, // a Friday
		{"2026-11-28T00:00:00Z", time.UTC, "00:00 at weekends", "2026-11-28"},
		{"2026-11-29T23:45:00Z", time.UTC, "23:00 at weekends", "2026-11-29"},
		{"2026-11-30T00:00:00Z", time.UTC, "00:00 on weekdays", "2026-11-30"},
		{"2026-11-27T23:00:00Z", berlin, "00:00 at weekends", "2026-11-28"},
		// 29 March 2026, a Sunday: 02:00 does not exist.
		{"2026-03-29T00:00:00Z", berlin, "01:00 at weekends", "2026-03-29"},
		{"2026-03-29T01:00:00Z", berlin, "03:00 at weekends", "2026-03-29"},
		// The same hour of the wall in winter and in summer.
		{"2026-03-27T08:00:00Z", berlin, "09:00 on weekdays", "2026-03-27"},
		{"2026-03-30T07:00:00Z", berlin, "09:00 on weekdays", "2026-03-30"},
		// 25 October 2026: 02:00 comes twice.
		{"2026-10-25T00:00:00Z", berlin, "02:00 at weekends", "2026-10-25"},
		{"2026-10-25T01:00:00Z", berlin, "02:00 at weekends", "2026-10-25"},
		{"2026-10-25T02:00:00Z", berlin, "03:00 at weekends", "2026-10-25"},
		{"2026-11-25T18:30:00Z", kolkata, "00:00 on weekdays", "2026-11-26"}, // +5:30
		{"2026-11-27T11:00:00Z", auckland, "00:00 at weekends", "2026-11-28"},
		{"1969-12-31T23:00:00Z", time.UTC, "23:00 on weekdays", "1969-12-31"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		day, err := time.Parse(time.DateOnly, c.day)
		if err != nil {
			t.Fatal(err)
		}
		s, d := SlotAt(at.UnixNano(), c.loc)
		if s.String() != c.want || d != FloorTo(day.Unix(), 86400)/86400 {
			t.Errorf("%s in %v: %s, day %d; want %s, day %d", c.at, c.loc, s, d, c.want, day.Unix()/86400)
		}
		if s < 1 || s > SlotCount {
			t.Errorf("%s: slot %d", c.at, s)
		}
	}
	if !HasSlots(time.Hour) || !HasSlots(15*time.Minute) || !HasSlots(6*time.Hour) || HasSlots(24*time.Hour) || HasSlots(7*24*time.Hour) {
		t.Error("windows shorter than a day have slots, others none")
	}
	if NoSlot.String() != "no slot" {
		t.Error(NoSlot.String())
	}
}
