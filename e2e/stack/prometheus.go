package stack

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
)

// Prometheus is one server.
type Prometheus struct {
	server
	URL string // http://host:port
}

// Alertmanager is one server that is in no cluster.
type Alertmanager struct {
	server
	URL string // http://host:port
}

// StartPrometheus starts a new Prometheus with the configuration configYAML; data and log are kept under dir.
func StartPrometheus(ctx context.Context, dir, configYAML string) (*Prometheus, error) {
	p := &Prometheus{}
	url, err := p.web(ctx, dir, "prometheus", "prometheus", configYAML, func(config, data, addr string) []string {
		return []string{"--config.file=" + config, "--storage.tsdb.path=" + data, "--web.listen-address=" + addr,
			"--web.enable-lifecycle"}
	})
	p.URL = url
	if err != nil {
		return nil, err
	}
	return p, nil
}

// StartAlertmanager starts a new Alertmanager with the configuration configYAML; data and log are kept under dir.
func StartAlertmanager(ctx context.Context, dir, configYAML string) (*Alertmanager, error) {
	a := &Alertmanager{}
	url, err := a.web(ctx, dir, "alertmanager", alertmanagerCommand(), configYAML, func(config, data, addr string) []string {
		return []string{"--config.file=" + config, "--storage.path=" + data, "--web.listen-address=" + addr,
			"--cluster.listen-address="}
	})
	a.URL = url
	if err != nil {
		return nil, err
	}
	return a, nil
}

// alertmanagerCommand is Debian's name of the program where it is there, otherwise its own name.
func alertmanagerCommand() string {
	if _, err := exec.LookPath("prometheus-alertmanager"); err == nil {
		return "prometheus-alertmanager"
	}
	return "alertmanager"
}

// web starts a server of the Prometheus family: they share the shape of their flags and their readiness page.
func (s *server) web(ctx context.Context, dir, name, command, configYAML string, args func(config, data, addr string) []string) (string, error) {
	bin, err := exec.LookPath(command)
	if err != nil {
		return "", fmt.Errorf("start %s: %w: run go run ./e2e/stack/cmd/stack install", name, err)
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", fmt.Errorf("start %s: %w", name, err)
	}
	home := filepath.Join(dir, name)
	config := filepath.Join(home, name+".yml")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", fmt.Errorf("start %s: %w", name, err)
	}
	if err := os.WriteFile(config, []byte(configYAML), 0o644); err != nil {
		return "", fmt.Errorf("start %s: %w", name, err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	url := "http://" + addr
	s.name = name
	s.log = filepath.Join(dir, name+".log")
	s.argv = append([]string{bin}, args(config, filepath.Join(home, "data"), addr)...)
	s.ready = func(ctx context.Context) error { return getOK(ctx, url+"/-/ready") }
	return url, s.start(ctx)
}

// getOK asks for a page and wants the status 200.
func getOK(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if closeErr := resp.Body.Close(); err == nil {
		err = closeErr
	}
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return err
}
