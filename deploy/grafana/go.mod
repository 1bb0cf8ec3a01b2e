// The dashboards' generator, in a module of its own so that Grafana's types are no dependency of driftd.
module github.com/driftd/driftd/deploy/grafana

go 1.26.0

require github.com/grafana/grafana-foundation-sdk/go v0.0.22
