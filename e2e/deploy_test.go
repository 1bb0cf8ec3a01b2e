//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The rules parse, and each of their tests holds: that they fire when they shall, and only then.
func TestPrometheusRules(t *testing.T) {
	run(t, "promtool", "check", "config", "../deploy/prometheus/prometheus.yml")
	for _, c := range [][]string{{"check", "rules", "../deploy/prometheus/rules/*.yml"}, {"test", "rules", "../deploy/prometheus/tests/*.yml"}} {
		files, err := filepath.Glob(c[2])
		must(t, err)
		if len(files) < 2 {
			t.Fatalf("%s: %v", c[2], files)
		}
		run(t, "promtool", append(c[:2:2], files...)...)
	}
}

// Whom each alert reaches, by the labels that driftd and the rules give it.
func TestAlertmanagerRoutes(t *testing.T) {
	plain := "../deploy/alertmanager/alertmanager.yml"
	b, err := os.ReadFile(plain)
	must(t, err)
	examples := filepath.Join(t.TempDir(), "alertmanager.yml")
	must(t, os.WriteFile(examples, []byte(strings.ReplaceAll(string(b), "#: ", "")), 0o644))
	run(t, "amtool", "check-config", plain)
	for labels, want := range map[string][2]string{ // as it is, and with its examples in force
		"alertname=DriftdIncident model=fraud segment=all severity=page team=risk":       {"page", "risk-page"},
		"alertname=DriftdIncident model=fraud segment=all severity=ticket team=risk":     {"ticket", "risk-ticket"},
		"alertname=DriftdIncident model=fraud segment=all severity=page team=growth":     {"page", "page"},
		"alertname=DriftdNoData model=fraud segment=all severity=page":                   {"page", "page"},
		"alertname=DriftdSchemaBreak model=fraud segment=all severity=page":              {"page", "page"},
		"alertname=DriftdDrift model=fraud segment=country=DE severity=ticket":           {"ticket", "ticket"},
		"alertname=DriftdDown component=driftd severity=page job=driftd":                 {"platform-page", "platform-page"},
		"alertname=DriftdSinkAway component=driftd severity=ticket operation=clickhouse": {"platform-ticket", "platform-ticket"},
		"alertname=Unheard": {"ticket", "ticket"},
	} {
		for i, config := range []string{plain, examples} {
			args := append([]string{"config", "routes", "test", "--config.file=" + config}, strings.Fields(labels)...)
			out, err := exec.Command("amtool", args...).Output()
			if got := strings.TrimSpace(string(out)); err != nil || got != want[i] {
				t.Errorf("%s goes to %s (%v), want %s", labels, got, err, want[i])
			}
		}
	}
}

// systemd understands the unit, and rates what it may do as little (at most 2.0 of 10).
func TestSystemdUnit(t *testing.T) {
	b, err := os.ReadFile("../deploy/systemd/driftd.service")
	must(t, err)
	unit := filepath.Join(t.TempDir(), "driftd.service")
	// verify wants the program to be there.
	must(t, os.WriteFile(unit, []byte(strings.ReplaceAll(string(b), "/usr/local/bin/driftd", "/bin/true")), 0o644))
	out, err := exec.Command("systemd-analyze", "verify", unit).CombinedOutput()
	if err != nil || strings.Contains(string(out), unit) { // of other units of the machine it complains too
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	run(t, "systemd-analyze", "security", "--offline=true", "--threshold=20", unit)
}
