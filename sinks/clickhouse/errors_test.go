package clickhouse

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// The right to use an engine is named apart from that to make tables. A real server says the first in e2e/grants_test.go.
func TestMendNamesTheMissingRight(t *testing.T) {
	for message, want := range map[string]string{
		"driftd: Not enough privileges. To execute this query, it's necessary to have the grant TABLE ENGINE ON ReplacingMergeTree":          "GRANT TABLE ENGINE ON ReplacingMergeTree TO the user",
		"driftd: Not enough privileges. To execute this query, it's necessary to have the grant INSERT(version) ON driftd.driftd_migrations": "grant the user SELECT, INSERT",
	} {
		err := fmt.Errorf("create the table: %w", &clickhouse.Exception{Code: 497, Message: message})
		if got := Mend(err); !strings.Contains(got, want) || !strings.Contains(explain(err).Error(), want) {
			t.Errorf("%s: %q, want %q", message, got, want)
		}
	}
	if got := Mend(fmt.Errorf("away")); got != "" {
		t.Errorf("an error of another kind has the mend %q", got)
	}
}
