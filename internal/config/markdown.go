package config

import (
	"fmt"
	"strings"
)

// Markdown is docs/CONFIG.md: the table of keys for people.
func Markdown() string {
	var b strings.Builder
	b.WriteString("<!-- Made from internal/config/table.go by `go test ./internal/config -update`; change it there. -->\n")
	b.WriteString(`# The config

One YAML file, given with ` + "`-c`" + `. The smallest:

    kafka: {brokers: [host:9092]}
    sources: [{topic: predictions}]

Everything else has a default. Unknown keys are mistakes; ` + "`driftd run -c driftd.yml`" + ` says all that is wrong at once, each
with its line and the mend. Durations are written as 30s, 2m, 1h, 1d, sizes as 4 MiB. Paths of files that are not absolute
begin at the folder of the config. Secrets are read from files or the environment, never from the config itself. YAML
anchors and aliases work, merge keys (<<) do not.
`)
	section := ""
	for _, k := range keys {
		if k.Soon != "" {
			continue
		}
		top, _, nested := strings.Cut(strings.Replace(k.Path, "[]", "", 1), ".")
		if top != section {
			section = top
			fmt.Fprintf(&b, "\n## %s\n\n", top)
			if !nested && k.Type == "mapping" || strings.HasPrefix(k.Type, "list") && k.Example != "" {
				fmt.Fprintf(&b, "%s\n", escaped(k.Meaning))
				if k.Example != "" {
					fmt.Fprintf(&b, "\n    %s\n", k.Example)
				}
				b.WriteString("\n| key | type | default | meaning |\n|---|---|---|---|\n")
				continue
			}
			b.WriteString("| key | type | default | meaning |\n|---|---|---|---|\n")
		}
		meaning := escaped(k.Meaning)
		if k.Example != "" {
			meaning += " `" + k.Example + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Path, escaped(k.Type), escaped(k.Default), meaning)
	}
	return b.String()
}

func escaped(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(s)
}
