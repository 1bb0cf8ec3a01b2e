package deploy

import (
	"strings"
	"testing"
	"time"
)

// The unit gives driftd the time that its shutdown may take, and the rights that
// it needs and no others. systemd's own view is in the e2e tests.
func TestSystemdUnit(t *testing.T) {
	unit := map[string][]string{}
	for _, line := range strings.Split(string(read(t, "systemd/driftd.service")), "\n") {
		if key, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			unit[key] = append(unit[key], value)
		}
	}
	for key, want := range map[string]string{
		"DynamicUser": "yes", "ProtectSystem": "strict", "NoNewPrivileges": "yes", "KillSignal": "SIGTERM", "Restart": "always",
		"ExecStart": "/usr/local/bin/driftd run -c /etc/driftd/driftd.yml", "ExecReload": "/bin/kill -HUP $MAINPID", "CapabilityBoundingSet": "",
	} {
		if got := unit[key]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	stop, err := time.ParseDuration(unit["TimeoutStopSec"][0])
	if err != nil {
		t.Fatal(err)
	}
	// closeWithin of each part that cmd/driftd/run.go ends, and as much for the pipeline.
	parts := strings.Count(string(read(t, "../cmd/driftd/run.go")), "closers.add(")
	if need := time.Duration(parts+1) * 5 * time.Second; parts < 3 || stop < need {
		t.Errorf("TimeoutStopSec is %s; %d parts that end within 5 s each need %s", stop, parts, need)
	}
	for _, c := range unit["LoadCredential"] {
		name, _, _ := strings.Cut(c, ":")
		if !strings.Contains(string(read(t, "systemd/driftd.service")), "/run/credentials/driftd.service/"+name) ||
			!strings.Contains(string(read(t, "systemd/README.md")), "/etc/driftd/credentials/"+name) {
			t.Errorf("the credential %s is not explained", name)
		}
	}
}
