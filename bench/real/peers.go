package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/driftd/driftd"
	"github.com/driftd/driftd/internal/realdata"
)

//go:embed peers/peers.py
var peersScript []byte

// peerTools are the tools beside which driftd is shown, each in an environment of
// its own: what they need of numpy and scipy differs.
var peerTools = []string{"evidently", "nannyml", "alibi-detect"}

// peer is what a tool flagged.
type peer struct {
	name, version string
	err           error // it could not be installed or run
	sets          map[string]peerSet
}

type peerSet struct {
	Flags  map[string][]int64 `json:"flags"`
	Judged int64              `json:"judged"` // windows
	Error  string             `json:"error"`
}

// plan is a set as peers.py reads it.
type plan struct {
	Name    string   `json:"name"`
	Ref     string   `json:"ref"`
	Cur     string   `json:"cur"`
	RefRows int64    `json:"ref_rows"`
	Window  int64    `json:"window"`
	Exclude []string `json:"exclude"`
}

// ask has a tool judge all sets. Its packages go into a virtual environment in
// the user's cache, once.
func ask(tool, data string, sets []realdata.Set) *peer {
	p := &peer{name: tool}
	requirements := filepath.Join("real", "peers", tool+".txt")
	pinned, err := os.ReadFile(requirements)
	if err != nil {
		p.err = err
		return p
	}
	first, _, _ := strings.Cut(string(pinned), "\n")
	_, p.version, _ = strings.Cut(first, "==")
	python, err := environment(tool, requirements, pinned)
	if err != nil {
		p.err = err
		return p
	}
	var plans []plan
	for _, s := range sets {
		plans = append(plans, plan{s.Name, s.Ref, s.Cur, s.RefRows, s.Window, s.Exclude})
	}
	in, err := json.Marshal(plans)
	if err != nil {
		p.err = err
		return p
	}
	cmd := exec.Command(python, "-c", string(peersScript), tool, data)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, os.Stderr
	cmd.Env = append(os.Environ(), "TF_CPP_MIN_LOG_LEVEL=3", "PYTHONWARNINGS=ignore", "DO_NOT_TRACK=1", "NML_DISABLE_USAGE_LOGGING=1")
	if err := cmd.Run(); err != nil {
		p.err = fmt.Errorf("run %s: %w", tool, err)
		return p
	}
	if err := json.Unmarshal(out.Bytes(), &p.sets); err != nil {
		p.err = fmt.Errorf("read what %s says: %w", tool, err)
	}
	return p
}

// environment makes, or finds, the virtual environment of a tool.
func environment(tool, requirements string, pinned []byte) (python string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "driftd-bench", fmt.Sprintf("%s-%016x", tool, driftd.HashBytes(pinned)))
	python = filepath.Join(dir, "bin", "python")
	done := filepath.Join(dir, "installed")
	if _, err := os.Stat(done); err == nil {
		return python, nil
	}
	fmt.Fprintf(os.Stderr, "installing %s into %s\n", requirements, dir)
	for _, args := range [][]string{{"python3", "-m", "venv", "--clear", dir}, {python, "-m", "pip", "install", "-q", "-r", requirements}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, lastLine(out))
		}
	}
	return python, os.WriteFile(done, nil, 0o600)
}

func lastLine(b []byte) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}
