package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/driftd/driftd/internal/check"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/pipeline"
)

type checkCmd struct {
	Config      string `short:"c" required:"" placeholder:"driftd.yml" help:"Config file."`
	JSON        bool   `name:"json" help:"The checks for programs."`
	PrintTopics bool   `help:"Print the commands that make driftd's topics and grant its rights, ask no broker, and end."`
}

// Help is shown by --help.
func (checkCmd) Help() string {
	return `Examples:
  driftd check -c driftd.yml
  driftd check -c driftd.yml --json | jq '.checks[] | select(.status == "failure")'
  driftd check -c driftd.yml --print-topics > make-topics.sh

Looks at everything that driftd run would need: the config, the brokers, your
topics and the events at their ends (what can be decoded, how late they come),
driftd's own topics, the rights in Kafka, references, the budget of false alarms,
ClickHouse, Alertmanager, files and ports. It changes nothing: no topic is made,
no offset committed, no migration applied. It ends within half a minute.

Exit code 1 where driftd run would not work (marked ✗, each with its mend), 0
with warnings (!) alone. What could not be checked (-) says why.

--json gives {config, version, ok, failures, warnings, checks: [{area, name,
subject, status, found, mend}]}; status is ok, warning, failure or skipped.
area, name and status are stable.`
}

// checkReport is the JSON form.
type checkReport struct {
	Config   string         `json:"config"`
	Version  string         `json:"version"`
	OK       bool           `json:"ok"` // driftd run would work
	Failures int            `json:"failures"`
	Warnings int            `json:"warnings"`
	Checks   []check.Result `json:"checks"`
}

// checkWithin bounds the whole command; the checks have shorter deadlines of
// their own.
const checkWithin = 30 * time.Second

// Run implements the command.
func (c *checkCmd) Run(ctx context.Context) error {
	if c.JSON && c.PrintTopics {
		return errors.New("--print-topics prints commands: leave --json out")
	}
	cfg, err := config.Load(c.Config)
	if c.PrintTopics {
		return printTopics(cfg, err)
	}
	ctx, stop := context.WithTimeout(ctx, checkWithin)
	defer stop()
	var results []check.Result
	if err != nil {
		results = check.Config(c.Config, err)
	} else {
		results = runChecks(ctx, cfg)
	}
	r := checkReport{Config: c.Config, Version: version, Failures: check.Count(results, check.StatusFailure), Warnings: check.Count(results, check.StatusWarning), Checks: results}
	r.OK = r.Failures == 0
	if c.JSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		err = enc.Encode(r)
	} else {
		err = printChecks(os.Stdout, &r)
	}
	if err == nil && !r.OK {
		err = exitError(1)
	}
	return err
}

func runChecks(ctx context.Context, cfg *config.Config) []check.Result {
	t := &check.Target{Config: cfg, Version: version, Settings: pipeline.SettingsOf(cfg, pipeline.NewLive(cfg, version), version, newLog(false), nil)}
	if cfg.Runnable() == nil {
		if t.Client, t.ClientErr = newClient(cfg, nil); t.Client != nil {
			defer t.Client.Close()
		}
	}
	if cfg.Sinks.ClickHouse != nil {
		t.ClickHouse, t.ClickHouseErr = clickhouseConfig(cfg.Sinks.ClickHouse)
	}
	return check.Run(ctx, t)
}

func printTopics(cfg *config.Config, err error) error {
	if err == nil {
		err = cfg.Runnable()
	}
	if err != nil {
		return err
	}
	_, err = fmt.Print(check.Commands(cfg, pipeline.SettingsOf(cfg, pipeline.NewLive(cfg, version), version, newLog(false), nil)))
	return err
}
