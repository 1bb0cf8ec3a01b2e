package check_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftd/driftd/internal/check"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/sinks/clickhouse"
)

func clickhouseAt(address string) *clickhouse.Config {
	return &clickhouse.Config{Addresses: []string{address}, Database: "driftd", Username: "default"}
}

func local(t *testing.T, file, listen, web string) []check.Result {
	t.Helper()
	cfg := config.Default()
	cfg.Sinks.File, cfg.HTTP.Listen, cfg.HTTP.WebConfigFile = file, listen, web
	return check.Local(within(t), &check.Target{Config: cfg})
}

func TestLocal(t *testing.T) {
	dir, free := t.TempDir(), freeAddr(t)
	there := filepath.Join(dir, "there.jsonl")
	good, bad := filepath.Join(dir, "good.yml"), filepath.Join(dir, "bad.yml")
	for path, text := range map[string]string{there: "{}\n", good: "basic_auth_users: {}\n", bad: "nonsense: 1\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fresh := filepath.Join(dir, "fresh.jsonl")
	rs := local(t, fresh, free, good)
	want(t, find(t, rs, check.AreaLocal, "file", fresh), check.StatusOK, "not there yet")
	if _, err := os.Stat(fresh); err == nil {
		t.Error("the check has made the file")
	}
	want(t, find(t, rs, check.AreaLocal, "listen", free), check.StatusOK)
	want(t, find(t, rs, check.AreaLocal, "web_config_file", good), check.StatusOK)
	rs = local(t, there, free, bad)
	want(t, find(t, rs, check.AreaLocal, "file", there), check.StatusOK, "can be written")
	want(t, find(t, rs, check.AreaLocal, "web_config_file", bad), check.StatusFailure, "nonsense")
	if b, err := os.ReadFile(there); err != nil || string(b) != "{}\n" {
		t.Errorf("the file is now %q, %v", b, err)
	}
	want(t, find(t, local(t, dir, free, ""), check.AreaLocal, "file", dir), check.StatusFailure, "folder")
	none := filepath.Join(dir, "no", "x.jsonl")
	want(t, find(t, local(t, none, free, ""), check.AreaLocal, "file", none), check.StatusFailure, "make the folder first")
	if os.Getuid() != 0 { // root may write everywhere
		closed := filepath.Join(dir, "closed")
		if err := os.Mkdir(closed, 0o500); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(closed, "x.jsonl")
		want(t, find(t, local(t, path, free, ""), check.AreaLocal, "file", path), check.StatusFailure, "may not make files")
	}

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().String()
	go http.Serve(taken, http.NotFoundHandler()) //nolint:errcheck // ends with the listener
	want(t, find(t, local(t, "", addr, ""), check.AreaLocal, "listen", addr), check.StatusFailure, "in use")

	own := strings.TrimPrefix(serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "driftd is alive") })), "http://")
	want(t, find(t, local(t, "", own, ""), check.AreaLocal, "listen", own), check.StatusSkipped, "a driftd runs here")
}

// What is printed for administrators reaches the tools as one word each, however
// odd the names.
func TestCommandsInAShell(t *testing.T) {
	cfg, err := config.Parse("driftd.yml", []byte(`
kafka:
  brokers: ["k1:9092", "k2:9092"]
  replication: 3
  sasl: {mechanism: plain, username: "it's $HOME; me", password_env: X}
sources: [{topic: predictions}]
`))
	if err != nil {
		t.Fatal(err)
	}
	script := "kafka-topics.sh() { printf '<%s>' topics \"$@\"; echo; }\nkafka-acls.sh() { printf '<%s>' acls \"$@\"; echo; }\n"
	script = strings.ReplaceAll(script, "kafka-topics.sh()", "kafka_topics()")
	script = strings.ReplaceAll(script, "kafka-acls.sh()", "kafka_acls()") // a POSIX shell has no - in functions' names
	script += strings.NewReplacer("kafka-topics.sh ", "kafka_topics ", "kafka-acls.sh ", "kafka_acls ").Replace(check.Commands(cfg, settings(cfg)))
	out, err := exec.Command("sh", "-euc", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, script)
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	at := "<--bootstrap-server><k1:9092,k2:9092><--command-config><admin.properties>"
	may := "<--add><--allow-principal><User:it's $HOME; me>"
	if len(got) != 9 {
		t.Fatalf("%d commands:\n%s", len(got), out)
	}
	want := []string{
		"<topics>" + at + "<--create><--if-not-exists><--topic><driftd.windows><--partitions><6><--replication-factor><3><--config><cleanup.policy=compact,delete><--config><compression.type=producer><--config><max.message.bytes=8388608><--config><min.insync.replicas=2><--config><retention.ms=3024000000>",
		"<acls>" + at + may + "<--operation><Read><--operation><Describe><--operation><DescribeConfigs><--topic><predictions>",
		"<acls>" + at + may + "<--operation><Read><--operation><Write><--operation><Create><--operation><Describe><--operation><DescribeConfigs><--topic><driftd.><--resource-pattern-type><prefixed>",
		"<acls>" + at + may + "<--operation><Read><--operation><Describe><--group><driftd.><--resource-pattern-type><prefixed>",
	}
	if diff := cmp.Diff(want, append(got[3:4:4], got[6:]...)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
