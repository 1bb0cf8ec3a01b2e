package driftd

import "time"

// Slot is an hour of the local day on a weekday or at a weekend: 1 to SlotCount.
// Windows of one slot are expected to look alike, so that a daily and weekly
// pattern is no drift.
type Slot int

// NoSlot is the slot of windows that have none, such as days.
const NoSlot Slot = 0

// SlotCount is 24 hours on weekdays and 24 at weekends. A slot for each hour of
// the week learns four times as slowly, for less power.
const SlotCount = 48

// HasSlots says whether windows of the length have slots: shorter ones than a day.
func HasSlots(length time.Duration) bool { return length < 24*time.Hour }

// SlotAt is the slot of a window that starts at t (ns), and its local day,
// numbered from 1970. The hour is that of the clock on the wall: a daily pattern
// moves with daylight saving time.
func SlotAt(t int64, loc *time.Location) (s Slot, day int64) {
	local := time.Unix(0, t).In(loc)
	_, offset := local.Zone()
	s = Slot(1 + local.Hour())
	if d := local.Weekday(); d == time.Saturday || d == time.Sunday {
		s += 24
	}
	return s, FloorTo(local.Unix()+int64(offset), 86400) / 86400
}

// String names a slot as people do: "14:00 on weekdays".
func (s Slot) String() string {
	if s < 1 || s > SlotCount {
		return "no slot"
	}
	hour, days := int(s-1)%24, " on weekdays"
	if s > 24 {
		days = " at weekends"
	}
	return string([]byte{byte('0' + hour/10), byte('0' + hour%10)}) + ":00" + days
}
