// Package stack installs and starts the real servers that driftd's end-to-end tests run against: Apache Kafka,
// ClickHouse, Prometheus and Alertmanager, and a webhook that records what Alertmanager sends.
//
// It needs no containers: the servers come from Debian, Maven Central and npm by their ordinary clients, listen on
// free ports of the loopback address, keep their data and logs in a folder of the caller's, and die with the process
// that started them. What is asked of the servers belongs in the tests (package e2e), not here; only the benchmarks
// use it beside them.
package stack

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
)

// Dir is the folder that Install fills and that the Start functions take the servers from: $DRIFTD_STACK, or
// driftd-stack in the user's cache folder.
func Dir() (string, error) {
	if dir := os.Getenv("DRIFTD_STACK"); dir != "" {
		return filepath.Abs(dir)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the folder of the test servers: %w: set DRIFTD_STACK", err)
	}
	return filepath.Join(cache, "driftd-stack"), nil
}

// freePort returns a port of the loopback address on which nothing listens. It looks below the range from which the
// kernel gives ports to outgoing connections (32768 and up on linux), so that a server that was killed finds its port
// free when it starts again.
func freePort() (int, error) {
	var last error
	for range 100 {
		port := 15000 + rand.IntN(17000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			last = err
			continue
		}
		return port, l.Close()
	}
	return 0, fmt.Errorf("find a free port on 127.0.0.1: none of 100 tried: %w", last)
}

// freePorts returns n different ports like freePort.
func freePorts(n int) ([]int, error) {
	seen := map[int]bool{}
	var ports []int
	for len(ports) < n {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		if !seen[port] {
			seen[port] = true
			ports = append(ports, port)
		}
	}
	return ports, nil
}

// installed returns the path of an installed file, or an error that says how to install it.
func installed(elem ...string) (string, error) {
	dir, err := Dir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(append([]string{dir}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("find the test servers: %w: run go run ./e2e/stack/cmd/stack install", err)
	}
	return path, nil
}
