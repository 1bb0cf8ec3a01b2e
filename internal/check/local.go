package check

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/prometheus/exporter-toolkit/web"

	"github.com/driftd/driftd/internal/config"
)

// Local checks this machine: the file of results, the address of /metrics, the
// web config.
func Local(ctx context.Context, t *Target) []Result {
	l := &list{area: AreaLocal}
	if path := t.Config.Sinks.File; path != "" && t.Config.HasRole(config.RoleWrite) {
		resultsFile(l, path)
	}
	path := t.Config.HTTP.WebConfigFile
	if path != "" {
		if err := web.Validate(path); err != nil {
			l.fail("web_config_file", path, err.Error(), "mend the file: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md")
		} else {
			l.ok("web_config_file", path, "can be used")
		}
	}
	t.listen(ctx, l)
	return l.out
}

// resultsFile tells whether the file could be written, without making it.
func resultsFile(l *list, path string) {
	st, err := os.Stat(path)
	switch {
	case err == nil && st.IsDir():
		l.fail("file", path, "it is a folder", "name a file in it")
	case err == nil:
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			l.fail("file", path, err.Error(), "let driftd's user write it")
			return
		}
		_ = f.Close() // nothing was written
		l.ok("file", path, "is there and can be written")
	case errors.Is(err, fs.ErrNotExist):
		dir := filepath.Dir(path)
		if _, err := os.Stat(dir); err != nil {
			l.fail("file", path, "its folder: "+err.Error(), "make the folder first")
		} else if err := mayMakeFiles(dir); err != nil {
			l.fail("file", path, "this user may not make files in "+dir+": "+err.Error(), "let driftd's user write there")
		} else {
			l.ok("file", path, "not there yet: `driftd run` makes it")
		}
	default:
		l.fail("file", path, err.Error(), "let driftd's user reach it")
	}
}

// listen tells whether the address is free; a driftd that has it is no failure.
func (t *Target) listen(ctx context.Context, l *list) {
	address := t.Config.HTTP.Listen
	free, err := net.Listen("tcp", address)
	if err == nil {
		_ = free.Close() // it was only tried
		l.ok("listen", address, "is free")
		return
	}
	host, port, _ := net.SplitHostPort(address) // config has checked it
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	for _, scheme := range []string{"http", "https"} {
		if body, _, _, err := t.get(ctx, scheme+"://"+net.JoinHostPort(host, port)+"/-/healthy"); err == nil && strings.HasPrefix(string(body), "driftd ") {
			l.skip("listen", address, "a driftd runs here and has it")
			return
		}
	}
	l.fail("listen", address, err.Error(), "write another address in http.listen, or end what listens there")
}
