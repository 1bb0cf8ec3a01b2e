// Package deploy is what driftd is run with: compose/ (the whole stack on one
// machine), systemd/, prometheus/ (rules and their tests), alertmanager/ (routes
// and messages), clickhouse/ (schema and grants), grafana/ and the Dockerfile.
//
// It has no code. Its tests hold these files to what the program really has:
// metrics, migrations, config keys, runbooks. What needs a server is tested in
// package e2e, what needs the Compose library in compose/check.
package deploy
