// Command stack installs and starts the real servers of the end-to-end tests by hand:
//
//	go run ./e2e/stack/cmd/stack install   # what is missing, into $DRIFTD_STACK or the user's cache folder
//	go run ./e2e/stack/cmd/stack up        # starts all, prints their addresses, stops them at Ctrl-C
//	go run ./e2e/stack/cmd/stack up stack.env # and writes the addresses to a file for a shell
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/driftd/driftd/e2e/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == "install":
		err = stack.Install(ctx, "", os.Stdout)
	case len(os.Args) == 2 && os.Args[1] == "up":
		err = up(ctx, "")
	case len(os.Args) == 3 && os.Args[1] == "up":
		err = up(ctx, os.Args[2])
	default:
		fmt.Fprintln(os.Stderr, "usage: stack install | up [FILE.env]")
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "stack:", err)
		os.Exit(1)
	}
}

// up starts every server with the configuration that deploy/ gives to users, and stops them when ctx ends. It has to
// be run from the root of the repository. The addresses go to the file env too, unless that is "".
func up(ctx context.Context, env string) error {
	if err := stack.Install(ctx, "", os.Stdout); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "driftd-stack-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	hook, err := stack.StartWebhook()
	if err != nil {
		return err
	}
	defer hook.Stop() //nolint:errcheck // the program ends
	amConfig, err := os.ReadFile(filepath.Join("deploy", "alertmanager", "alertmanager.yml"))
	if err != nil {
		return err
	}
	promConfig, err := os.ReadFile(filepath.Join("deploy", "prometheus", "prometheus.yml"))
	if err != nil {
		return err
	}
	root, err := filepath.Abs("deploy")
	if err != nil {
		return err
	}
	// The servers run elsewhere; what the files name beside themselves stays where it is.
	beside := strings.NewReplacer("rules/*.yml", root+"/prometheus/rules/*.yml", "templates/*.tmpl", root+"/alertmanager/templates/*.tmpl")
	kafka, err := stack.StartKafka(ctx, dir)
	if err != nil {
		return err
	}
	defer kafka.Stop()
	ch, err := stack.StartClickHouse(ctx, dir)
	if err != nil {
		return err
	}
	defer ch.Stop()
	am, err := stack.StartAlertmanager(ctx, dir, stack.AlertmanagerConfig(beside.Replace(string(amConfig)), hook.URL))
	if err != nil {
		return err
	}
	defer am.Stop()
	config := strings.NewReplacer("driftd:9110", "127.0.0.1:9110", "alertmanager:9093", strings.TrimPrefix(am.URL, "http://")).Replace(beside.Replace(string(promConfig)))
	prom, err := stack.StartPrometheus(ctx, dir, config)
	if err != nil {
		return err
	}
	defer prom.Stop()

	fmt.Printf(`
kafka         %s
clickhouse    %s (native), http://%s, user %s, password %s
prometheus    %s (scrapes 127.0.0.1:9110)
alertmanager  %s
logs          %s
Ctrl-C stops all.
`, kafka.Bootstrap, ch.Native, ch.HTTP, ch.User, ch.Password, prom.URL, am.URL, dir)
	if env != "" {
		text := fmt.Sprintf("KAFKA=%s\nCLICKHOUSE=%s\nCLICKHOUSE_HTTP=http://%s\nCLICKHOUSE_USER=%s\nexport CLICKHOUSE_PASSWORD=%s\nPROMETHEUS=%s\nALERTMANAGER=%s\nWEBHOOK=%s\n",
			kafka.Bootstrap, ch.Native, ch.HTTP, ch.User, ch.Password, prom.URL, am.URL, hook.URL)
		if err := os.WriteFile(env, []byte(text), 0o600); err != nil {
			return err
		}
	}
	<-ctx.Done()
	fmt.Println("stopping")
	return nil
}
