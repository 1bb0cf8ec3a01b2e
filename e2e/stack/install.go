package stack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Install puts the servers into dir and Debian's packages onto the machine, and does nothing where they are already
// there. An empty dir means Dir(). Two installs at once wait for each other.
func Install(ctx context.Context, dir string, log io.Writer) error {
	if dir == "" {
		var err error
		if dir, err = Dir(); err != nil {
			return err
		}
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return fmt.Errorf("install the test servers: ClickHouse's package is for linux/amd64 and this is %s/%s: run the e2e tests on such a machine",
			runtime.GOOS, runtime.GOARCH)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("install the test servers: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("install the test servers: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing is written to it
	if err := lock(f); err != nil {
		return fmt.Errorf("install the test servers: lock %s: %w", f.Name(), err)
	}
	in := installer{dir: dir, log: log}
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"Debian packages", in.debian},
		{"Apache Kafka", in.kafka},
		{"ClickHouse", in.clickhouse},
	} {
		began := time.Now()
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("install %s: %w", step.name, err)
		}
		in.say("%-16s %.1f s", step.name, time.Since(began).Seconds())
	}
	return nil
}

type installer struct {
	dir string
	log io.Writer
}

func (in installer) say(format string, args ...any) {
	fmt.Fprintf(in.log, "stack: "+format+"\n", args...)
}

// commands are the programs that have to be there, each with the Debian package that brings it.
var commands = []struct{ name, pkg string }{
	{"java", "default-jre-headless"},
	{"mvn", "maven"},
	{"npm", "npm"},
	{"cc", "gcc libc6-dev"},
	{"prometheus", "prometheus"},
	{"promtool", "prometheus"},
	{"prometheus-alertmanager", "prometheus-alertmanager"},
	{"amtool", "prometheus-alertmanager"},
	{"systemd-analyze", "systemd"},
}

// debian installs the packages of the commands that are missing.
func (in installer) debian(ctx context.Context) error {
	var missing, packages []string
	for _, c := range commands {
		if _, err := exec.LookPath(c.name); err == nil {
			continue
		}
		missing = append(missing, c.name)
		for _, p := range strings.Fields(c.pkg) {
			if !slices.Contains(packages, p) {
				packages = append(packages, p)
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	byHand := "apt-get install " + strings.Join(packages, " ")
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("not found: %s, and there is no apt-get here: install them by hand (on Debian: %s)", strings.Join(missing, ", "), byHand)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("not found: %s: only root may install them: as root, run %s", strings.Join(missing, ", "), byHand)
	}
	in.say("not found: %s: %s", strings.Join(missing, ", "), byHand)
	// RUNLEVEL=1 keeps the packages from starting their services; the tests start their own.
	env := []string{"DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"}
	if err := in.fetch(ctx, in.dir, env, "apt-get", "update", "-qq"); err != nil {
		return err
	}
	args := append([]string{"install", "-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"}, packages...)
	return in.fetch(ctx, in.dir, env, "apt-get", args...)
}

// kafka lets Maven copy the broker's jars into one folder.
func (in installer) kafka(ctx context.Context) error {
	return in.unit("kafka", fingerprint(kafkaPOM, kafkaLog4j), func(dir string) error {
		if err := os.WriteFile(filepath.Join(dir, "pom.xml"), kafkaPOM, 0o644); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "log4j2.xml"), kafkaLog4j, 0o644); err != nil {
			return err
		}
		return in.fetch(ctx, dir, nil, "mvn", "-B", "-q", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=lib")
	})
}

// clickhouse lets npm fetch the engine and compiles the program that runs it.
func (in installer) clickhouse(ctx context.Context) error {
	pkg := clickhousePackage + "@" + clickhouseVersion
	return in.unit("clickhouse", fingerprint([]byte(pkg), clickhouseServer), func(dir string) error {
		err := in.fetch(ctx, dir, nil, "npm", "install", "--prefix", dir, "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", pkg)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "server.c"), clickhouseServer, 0o644); err != nil {
			return err
		}
		return in.run(ctx, dir, nil, "cc", "-O1", "-Wall", "-Wextra", "-o", "server", "server.c", "-ldl")
	})
}

// unit makes the folder name whole or not at all: fill works in a fresh folder that takes the name when it has
// succeeded. A folder whose stamp is what would be made is left as it is.
func (in installer) unit(name, stamp string, fill func(dir string) error) error {
	final := filepath.Join(in.dir, name)
	if b, err := os.ReadFile(filepath.Join(final, "stamp")); err == nil && string(b) == stamp {
		return nil
	}
	fresh := final + ".part"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := os.MkdirAll(fresh, 0o755); err != nil {
		return err
	}
	if err := fill(fresh); err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	if err := os.WriteFile(filepath.Join(fresh, "stamp"), []byte(stamp), 0o644); err != nil {
		return err
	}
	if err := os.RemoveAll(final); err != nil {
		return err
	}
	return os.Rename(fresh, final)
}

// fetch runs a command that loads from the network, up to three times.
func (in installer) fetch(ctx context.Context, dir string, env []string, name string, args ...string) error {
	var err error
	for attempt := 1; attempt <= 3; attempt++ {
		if err = in.run(ctx, dir, env, name, args...); err == nil || ctx.Err() != nil {
			return err
		}
		in.say("attempt %d of 3: %v", attempt, err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(attempt) * 2 * time.Second):
		}
	}
	return err
}

func (in installer) run(ctx context.Context, dir string, env []string, name string, args ...string) error {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 5 * time.Second // a grandchild that keeps the pipe open does not hold us
	if err := cmd.Run(); err != nil {
		tail := out.Bytes()
		if len(tail) > logTail {
			tail = tail[len(tail)-logTail:]
		}
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, tail)
	}
	return nil
}

func fingerprint(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:", len(p))
		h.Write(p)
	}
	return fmt.Sprintf("%x\n", h.Sum(nil))
}
