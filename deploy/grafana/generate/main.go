// Command generate writes the dashboards of deploy/grafana: go run ./generate, in that folder.
//
// What a dashboard shows stands in its own file (fleet.go, model.go, column.go, pipeline.go), the SQL that they share in sql.go,
// colours and states in style.go, the layout and the two kinds of queries in sheet.go. The types of what is written are those
// of Grafana's Foundation SDK, so that a wrong field does not compile; a test fails when the JSON is not what this gives.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// dashboards are the files and what is in them.
var dashboards = map[string]func() board{
	"fleet.json":    fleet,
	"model.json":    model,
	"column.json":   column,
	"pipeline.json": pipeline,
}

func main() {
	for name, make := range dashboards {
		b, err := render(make())
		if err == nil {
			err = os.WriteFile(filepath.Join("dashboards", name), b, 0o644)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "write dashboards/%s: %v: run this in deploy/grafana\n", name, err)
			os.Exit(1)
		}
	}
}

func render(d board) ([]byte, error) {
	b, err := json.MarshalIndent(d, "", "  ")
	// SQL and links are to be read: < stays <. (An encoder that is told so does not tell the types that encode themselves.)
	for escaped, plain := range map[string]string{`\u003c`: "<", `\u003e`: ">", `\u0026`: "&"} {
		b = bytes.ReplaceAll(b, []byte(escaped), []byte(plain))
	}
	return append(b, '\n'), err
}
