package main

import (
	"context"
	"fmt"
	"time"

	"github.com/driftd/driftd/internal/bootstrap"
	"github.com/driftd/driftd/internal/detect"
	"github.com/driftd/driftd/internal/pipeline"
)

// rebuild makes a new layout from the events themselves.
func (c *acceptCmd) rebuild(ctx context.Context, lib *pipeline.Library, since time.Time) error {
	p := newProgress()
	found, err := lib.Relearn(ctx, c.Model, since, func(at bootstrap.Progress) {
		p.say("reading: %.0f %%, about %v still", 100*float64(at.Records)/float64(max(1, at.Of)), at.Remaining())
	})
	if err != nil {
		return err
	}
	p.done("")
	fmt.Println(found.Summary())
	if m := found.Models[0]; !m.Ready() {
		fmt.Println("Until there are windows enough, the verdict of this model will be `learning`.")
	}
	if c.DryRun {
		fmt.Println("Nothing was changed (--dry-run).")
		return nil
	}
	if err := confirm(c.Yes, fmt.Sprintf("Make this the new layout and normal of model %s?", c.Model)); err != nil {
		return err
	}
	o := origin(detect.Accepted, c.Reason)
	series, err := lib.Publish(ctx, found.Models[0], o)
	if err != nil {
		return err
	}
	return taken(ctx, lib, series, nil, o)
}
