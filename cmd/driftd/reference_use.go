package main

import (
	"context"
	"fmt"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/pipeline"
)

type useCmd struct {
	Fingerprint string `arg:"" help:"Its fingerprint, or how it begins: see driftd reference log."`
	Config      string `short:"c" default:"driftd.yml" placeholder:"driftd.yml" help:"Config with the brokers."`
	Reason      string `placeholder:"WHY" help:"For the log of references."`
	Yes         bool   `short:"y" help:"Do not ask."`
}

// Help is shown by --help.
func (useCmd) Help() string {
	return `Example:
  driftd reference use 3fa2c01b77d4 -c driftd.yml --reason "the rollout was taken back"

The series of that reference goes back to it, from its next window on. What it
goes back to does not go on learning by itself.`
}

// Run implements the command.
func (c *useCmd) Run(ctx context.Context) error {
	return withLibrary(ctx, c.Config, func(ctx context.Context, _ *config.Config, lib *pipeline.Library) error {
		ref, layout, err := lib.Find(c.Fingerprint)
		if err != nil {
			return err
		}
		s := driftd.Series{Model: ref.Model, Segment: ref.Segment}
		if by, waits := lib.Waiting(s); waits {
			return fmt.Errorf("a change of model %s, segment %s, that %s asked for is not taken up yet: wait until it is", s.Model, s.Segment, orSomebody(by.By))
		}
		uses := lib.Uses(s)
		if len(uses) > 0 && uses[len(uses)-1].Fingerprint == ref.Fingerprint {
			fmt.Printf("model %s, segment %s, uses %s already\n", s.Model, s.Segment, shortName(ref.Fingerprint))
			return nil
		}
		if err := confirm(c.Yes, fmt.Sprintf("Judge model %s, segment %s, by %s (%s, %d events)?", s.Model, s.Segment, shortName(ref.Fingerprint), ref.Source, ref.Events)); err != nil {
			return err
		}
		o := origin(detect.Back, c.Reason)
		if err := lib.Propose(ctx, layout, ref, o); err != nil {
			return err
		}
		return taken(ctx, lib, []driftd.Series{s}, map[driftd.Series]string{s: ref.Fingerprint}, o)
	})
}
