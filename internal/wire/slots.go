package wire

import (
	"fmt"

	"github.com/driftd/driftd"
)

// checkSlots finds slots that are not one for each hour, or of no time zone.
func checkSlots(r *Reference, s *Scale) error {
	whole := func(n int) bool { return n == 0 || n == driftd.SlotCount && r.Timezone != "" }
	for _, c := range s.Columns {
		if !whole(len(c.SlotDays)) {
			return fmt.Errorf("%d slots in time zone %q, not %d", len(c.SlotDays), r.Timezone, driftd.SlotCount)
		}
		for _, f := range c.Fits {
			if len(f.SlotMeans) != len(f.SlotDays) || !whole(len(f.SlotMeans)) {
				return fmt.Errorf("score %s has means of %d slots and days of %d in time zone %q, not %d", f.Name, len(f.SlotMeans), len(f.SlotDays), r.Timezone, driftd.SlotCount)
			}
		}
	}
	return nil
}
