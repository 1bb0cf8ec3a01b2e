package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

type healthCmd struct {
	URL string `arg:"" optional:"" default:"http://127.0.0.1:9110/-/healthy" help:"What to ask; /-/ready tells also what it waits for."`
}

// Help is shown by --help.
func (healthCmd) Help() string {
	return `Example:
  driftd healthcheck http://127.0.0.1:9110/-/ready

For containers, which have no curl. Exit code 0 when the answer is 200.`
}

// Run implements the command.
func (c *healthCmd) Run(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
	if err != nil {
		return fmt.Errorf("healthcheck: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("healthcheck: %w: is driftd running, and is this its http.listen?", err)
	}
	defer func() { _ = resp.Body.Close() }() // was only read
	said, err := io.ReadAll(io.LimitReader(resp.Body, 1000))
	if err != nil {
		return fmt.Errorf("healthcheck: %s: %w", c.URL, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("healthcheck: %s: %s: %s", c.URL, resp.Status, strings.TrimSpace(string(said)))
	}
	return nil
}
