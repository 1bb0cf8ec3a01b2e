package check

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/driftd/driftd/internal/config"
)

const file = "../compose.yml"

// load reads the file as docker compose does, with nothing in the environment.
func load(t *testing.T) *types.Project {
	t.Helper()
	o, err := cli.NewProjectOptions([]string{file}, cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.LoadProject(t.Context())
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if len(p.Services) < 7 {
		t.Fatalf("%d services: %v", len(p.Services), p.ServiceNames())
	}
	return p
}

// oneShot services end by themselves; others wait for that.
func oneShot(p *types.Project) (names []string) {
	for _, s := range p.Services {
		for name, d := range s.DependsOn {
			if d.Condition == types.ServiceConditionCompletedSuccessfully && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func TestServices(t *testing.T) {
	p := load(t)
	once := oneShot(p)
	for name, s := range p.Services {
		image, tag := s.Image, ""
		if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
			image, tag = image[:i], image[i+1:]
		}
		if tag == "" || tag == "latest" {
			t.Errorf("%s: the image %s:%s is not pinned", name, image, tag)
		}
		// The demo's producer is the one that has nothing to ask.
		has := s.HealthCheck != nil && !s.HealthCheck.Disable && len(s.HealthCheck.Test) > 0
		if !has && !slices.Contains(once, name) && name != "demo-producer" {
			t.Errorf("%s has no healthcheck", name)
		}
		if s.Restart == "" || s.User == "" || strings.HasPrefix(s.User, "0:") || s.User == "root" {
			t.Errorf("%s: restart %q, user %q: want a policy and a user that is not root", name, s.Restart, s.User)
		}
		if s.Deploy == nil || s.Deploy.Resources.Limits == nil || s.Deploy.Resources.Limits.MemoryBytes == 0 || s.Deploy.Resources.Limits.NanoCPUs == 0 {
			t.Errorf("%s has no limits of memory and CPU", name)
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s:%s beyond this machine", name, port.HostIP, port.Published)
			}
		}
		for other, d := range s.DependsOn {
			o, ok := p.Services[other]
			if !ok {
				t.Errorf("%s waits for %s, which is not there", name, other)
			} else if d.Condition == types.ServiceConditionHealthy && (o.HealthCheck == nil || o.HealthCheck.Disable) {
				t.Errorf("%s waits until %s is healthy, which nobody checks", name, other)
			}
		}
	}
}

// What is mounted is in the repository, or a named volume.
func TestMounts(t *testing.T) {
	p := load(t)
	dashboards, err := filepath.Abs("../../grafana")
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range p.Services {
		for _, v := range s.Volumes {
			switch v.Type {
			case types.VolumeTypeBind:
				if !v.ReadOnly {
					t.Errorf("%s may write into %s", name, v.Source)
				}
				_, err := os.Stat(v.Source)
				if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(v.Source, dashboards) && !exists(filepath.Join(dashboards, "provisioning")) {
					t.Logf("%s: the dashboards are not generated yet", v.Source)
				} else if err != nil {
					t.Errorf("%s mounts %v", name, err)
				}
			case types.VolumeTypeVolume:
				if _, ok := p.Volumes[v.Source]; !ok {
					t.Errorf("%s: the volume %s is not declared", name, v.Source)
				}
			}
		}
		if s.Build != nil && !exists(filepath.Join(s.Build.Context, s.Build.Dockerfile)) {
			t.Errorf("%s is built from %s in %s, which is not there", name, s.Build.Dockerfile, s.Build.Context)
		}
	}
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// It starts with nothing in the environment.
func TestVariablesHaveDefaults(t *testing.T) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`\$\{?\w+[^}\s]*\}?`).FindAllString(string(b), -1)
	if len(all) == 0 {
		t.Fatal("no variables were found")
	}
	for _, v := range all {
		if !regexp.MustCompile(`^\$\{\w+:-.+\}$`).MatchString(v) {
			t.Errorf("%s has no default", v)
		}
	}
}

// driftd's config is one that it takes, and names services that are there.
func TestDriftdConfig(t *testing.T) {
	p := load(t)
	cfg, err := config.Load("../driftd.yml")
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.Runnable(); err != nil {
		t.Error(err)
	}
	env := p.Services["driftd"].Environment
	if c := cfg.Sinks.ClickHouse; c == nil || env[c.Password.Env] == nil {
		t.Errorf("driftd's environment lacks ClickHouse's password: %v", env)
	}
	hosts := append(slices.Clone(cfg.Kafka.Brokers), cfg.Sinks.ClickHouse.Addresses...)
	for _, u := range cfg.Alerts.Alertmanagers {
		hosts = append(hosts, strings.TrimPrefix(u, "http://"))
	}
	for _, h := range hosts {
		if name, _, _ := strings.Cut(h, ":"); p.Services[name].Image == "" {
			t.Errorf("driftd.yml names %s; the services are %v", h, p.ServiceNames())
		}
	}
	producer := strings.Join(p.Services["demo-producer"].Command, " ")
	if !strings.Contains(producer, "--topic "+cfg.Sources[0].Topic+" ") || !strings.Contains(producer, "--brokers "+cfg.Kafka.Brokers[0]+" ") {
		t.Errorf("the producer sends elsewhere than %s at %s: %s", cfg.Sources[0].Topic, cfg.Kafka.Brokers[0], producer)
	}
	past := p.Services["demo-past"].Command
	if !slices.Contains(past, "--no-live") {
		t.Errorf("demo-past does not end: %v", past)
	}
}
