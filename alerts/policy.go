package alerts

import "strings"

// Severities.
const (
	Page   = "page"
	Ticket = "ticket"
)

// ImportantFrom is the importance from which a column's drift pages.
const ImportantFrom = .5

// ColumnPolicy is what config says of a column.
type ColumnPolicy struct {
	Importance float64 // 0 to 1; ranks, and decides severity; 0 when not set
	Muted      bool    // watch: false
}

// Policy is what config says of a model. nil or the zero value: every column is
// watched, predictions page, features make a ticket.
type Policy struct {
	Labels   map[string]string
	Severity string // fixed severity of all incidents, "" for the rule
	Expect   bool   // silence of the model is an incident
	Columns  map[string]ColumnPolicy
}

// Watched says whether a column is paged.
func (p *Policy) Watched(column string) bool { return p == nil || !p.Columns[column].Muted }

// weight ranks columns.
func (p *Policy) weight(column string) float64 {
	if p != nil {
		if c, ok := p.Columns[column]; ok && c.Importance > 0 {
			return c.Importance
		}
	}
	return 1
}

// severity of one column's drift.
func (p *Policy) severity(column string) string {
	if p != nil && p.Severity != "" {
		return p.Severity
	}
	if p != nil {
		if c, ok := p.Columns[column]; ok && c.Importance > 0 {
			if c.Importance >= ImportantFrom {
				return Page
			}
			return Ticket
		}
	}
	if strings.HasPrefix(column, "prediction.") {
		return Page
	}
	return Ticket
}

// noDataSeverity is page: that a model is expected was said by a person. So is that of a schema break.
func (p *Policy) noDataSeverity() string {
	if p != nil && p.Severity != "" {
		return p.Severity
	}
	return Page
}
