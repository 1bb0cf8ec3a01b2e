// Package reference makes layouts and references from events: which columns
// there are and how they are cut up (layout.go), then counts and how windows
// varied (build.go). What does not belong here: where events come from (files:
// internal/rows; topics: internal/bootstrap), and the fitted statistics (detectors).
package reference
