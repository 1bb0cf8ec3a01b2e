// Command driftd watches machine-learning models for drift. Each subcommand has
// a file of its own; they only put the packages together.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the linker (see Makefile).
var version = "dev"

type cli struct {
	Demo      demoCmd      `cmd:"" help:"See it work: three models with known changes, no server needed."`
	Init      initCmd      `cmd:"" help:"Look at a topic and write a config for it."`
	Check     checkCmd     `cmd:"" help:"Say before the first run whether it would work, and how to mend what would not."`
	Run       runCmd       `cmd:"" help:"Watch the models of a config file."`
	Reference referenceCmd `cmd:"" help:"Build, show and push references."`
	Replay    replayCmd    `cmd:"" help:"Run a file through the same code: what would have been found?"`
	Compare   compareCmd   `cmd:"" help:"Compare two files, column by column: a table, JSON or a page."`
	Explain   explainCmd   `cmd:"" help:"Show why an incident was told: each number with its formula."`
	Forget    forgetCmd    `cmd:"" help:"Take a model out of driftd."`
	Produce   produceCmd   `cmd:"" help:"Send a file to Kafka as events."`
	Health    healthCmd    `cmd:"" name:"healthcheck" help:"Ask a running driftd whether it is well; for containers."`
	Version   versionCmd   `cmd:"" help:"Print the version."`
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run() error {
	_, err := fmt.Println("driftd", version)
	return err
}

// exitError ends the process with a code of its own; its message was printed.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit %d", int(e)) }

func main() {
	var c cli
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parser := kong.Must(&c, kong.Name("driftd"),
		kong.Description("A streaming drift monitor for machine-learning models. Start with `driftd demo`."),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.ShortUsageOnError())
	kctx, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	err = kctx.Run()
	var code exitError
	switch {
	case err == nil:
	case errors.As(err, &code):
		stop()
		os.Exit(int(code))
	default:
		fmt.Fprintln(os.Stderr, "driftd:", err)
		stop()
		os.Exit(1)
	}
}
