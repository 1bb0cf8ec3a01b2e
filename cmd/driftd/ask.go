package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/driftd/driftd/consumers"
	"github.com/driftd/driftd/internal/config"
)

// timeAgo reads a time, or a duration before now.
func timeAgo(s string, now time.Time) (time.Time, error) {
	if t, ok := consumers.ParseTime(s); ok {
		return time.Unix(0, t).UTC(), nil
	}
	d, err := config.ParseDuration(s)
	if err != nil || d <= 0 {
		return time.Time{}, fmt.Errorf("%q is neither a time nor a duration: write 2026-11-24T12:00:00Z, or 6h for six hours ago", s)
	}
	return now.Add(-d), nil
}

// confirm asks; without a terminal nobody can answer.
func confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	nobody := errors.New("nothing was changed: there is no terminal to ask at; say --yes if it is meant")
	if st, err := os.Stdin.Stat(); err != nil || st.Mode()&os.ModeCharDevice == 0 {
		return nobody
	}
	fmt.Printf("\n%s [y/N] ", question)
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil { // /dev/null looks like a terminal
		return nobody
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return errors.New("nothing was changed")
	}
	return nil
}
