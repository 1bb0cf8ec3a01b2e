package stack

import (
	"context"
	_ "embed"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

//go:embed clickhouse/server.c
var clickhouseServer []byte

// clickhousePackage is the embedded engine, which holds the whole server. 26.7.3-stable.1 is the first release whose
// clickhouse-local can listen; npm's "latest" is older.
const (
	clickhousePackage = "@chdb/lib-linux-x64-gnu"
	clickhouseVersion = "26.7.3-stable.1"
)

// ClickHouse is one server. User may do everything, InsertUser only select and insert in the database driftd, and ReadUser only
// select there, as docs/dashboards.md makes Grafana's user; all have the Password.
type ClickHouse struct {
	server
	Native     string // host:port of the native protocol
	HTTP       string // host:port of HTTP
	User       string
	InsertUser string
	ReadUser   string
	Password   string
}

// StartClickHouse starts a new ClickHouse whose data and log are kept under dir.
func StartClickHouse(ctx context.Context, dir string) (*ClickHouse, error) {
	return StartClickHouseWith(ctx, dir, "driftd-e2e")
}

// StartClickHouseWith is StartClickHouse with a password of the caller's.
func StartClickHouseWith(ctx context.Context, dir, password string) (*ClickHouse, error) {
	bin, err := installed("clickhouse", "server")
	if err != nil {
		return nil, err
	}
	lib, err := installed("clickhouse", "node_modules", clickhousePackage, "libchdb.so")
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("start clickhouse: %w", err)
	}
	c := &ClickHouse{
		Native:     fmt.Sprintf("127.0.0.1:%d", ports[0]),
		HTTP:       fmt.Sprintf("127.0.0.1:%d", ports[1]),
		User:       "driftd",
		InsertUser: "inserter",
		ReadUser:   "grafana",
		Password:   password,
	}
	home := filepath.Join(dir, "clickhouse")
	if err := c.writeConfig(home); err != nil {
		return nil, fmt.Errorf("start clickhouse: %w", err)
	}
	c.name = "clickhouse"
	c.log = filepath.Join(dir, "clickhouse.log")
	c.eofStops = true
	c.ready = c.answers
	c.argv = []string{
		bin, lib,
		"--config-file=" + filepath.Join(home, "config.xml"),
		"--path=" + filepath.Join(home, "data"),
		"--listen_host=127.0.0.1",
		"--logger.console", "--log-level=warning",
		fmt.Sprintf("--tcp_port=%d", ports[0]),
		fmt.Sprintf("--http_port=%d", ports[1]),
		// The last query reads standard input, which stays open for as long as the server shall live.
		"--table=hold", "--structure=line String", "--input-format=LineAsString",
		"--query=SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP; SELECT line FROM hold FORMAT Null",
	}
	if err := c.start(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// answers tells whether both listeners are up; HTTP is started last.
func (c *ClickHouse) answers(ctx context.Context) error {
	if err := getOK(ctx, "http://"+c.HTTP+"/ping"); err != nil {
		return err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", c.Native)
	if err != nil {
		return err
	}
	return conn.Close()
}

func (c *ClickHouse) writeConfig(home string) error {
	if err := os.MkdirAll(filepath.Join(home, "data"), 0o755); err != nil {
		return err
	}
	r := strings.NewReplacer("$HOME", home, "$USER", c.User, "$INSERTER", c.InsertUser, "$READER", c.ReadUser, "$PASSWORD", c.Password)
	if err := os.WriteFile(filepath.Join(home, "config.xml"), []byte(r.Replace(clickhouseConfig)), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(home, "users.xml"), []byte(r.Replace(clickhouseUsers)), 0o644)
}

// The memory limits keep a test machine with two cores and a few GiB usable beside the JVM and the race detector.
const clickhouseConfig = `<clickhouse>
  <users_config>$HOME/users.xml</users_config>
  <max_server_memory_usage>2000000000</max_server_memory_usage>
  <mark_cache_size>67108864</mark_cache_size>
</clickhouse>
`

// The query that keeps the server alive runs as "default", which may do that and nothing else: a client that forgets its
// user cannot work.
const clickhouseUsers = `<clickhouse>
  <profiles>
    <default/>
    <reader>
      <readonly>1</readonly>
      <max_execution_time>60</max_execution_time>
      <constraints><max_execution_time><changeable_in_readonly/></max_execution_time></constraints>
    </reader>
  </profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <no_password/>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT SYSTEM LISTEN ON *.*</query>
        <query>GRANT CREATE ARBITRARY TEMPORARY TABLE ON *.*</query>
        <query>GRANT TABLE ENGINE ON File</query>
        <query>GRANT READ, WRITE ON FILE</query>
      </grants>
    </default>
    <$USER>
      <password>$PASSWORD</password>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <access_management>1</access_management>
    </$USER>
    <$INSERTER>
      <password>$PASSWORD</password>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants><query>GRANT SELECT, INSERT ON driftd.*</query></grants>
    </$INSERTER>
    <$READER>
      <password>$PASSWORD</password>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>reader</profile>
      <quota>default</quota>
      <grants><query>GRANT SELECT ON driftd.*</query></grants>
    </$READER>
  </users>
</clickhouse>
`
