# What a developer of driftd types. Needs Go and a C compiler (for -race); make e2e installs its servers itself.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
TOOL    := go tool -modfile=tools/go.mod
FUZZTIME ?= 30s
# Share of the runs of make stats: .05 takes a minute.
EFFORT ?= 1
# make real PEERS=no leaves the other tools out.
PEERS ?= yes
# Worlds of make sim, runs of make faults; each has the seed SEED+i.
RUNS ?= 1000
SEED ?= 1
# How long make soak runs.
FOR ?= 1h
# Flags for go test, such as GOTESTFLAGS=-v
GOTESTFLAGS ?=

.DEFAULT_GOAL := help
.PHONY: help build demo test sim faults soak scale mutants e2e lint bench stats real fuzz corpus generate

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

build: ## bin/driftd
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/driftd ./cmd/driftd

demo: build ## see it work, without any server
	bin/driftd demo

test: ## unit tests with the race detector; need Go alone
	go test -race $(GOTESTFLAGS) ./...
	cd deploy/compose/check && go test $(GOTESTFLAGS) ./...
	cd deploy/grafana && go test $(GOTESTFLAGS) ./...
	cd bench && go test $(GOTESTFLAGS) ./real ./mutants

sim: ## RUNS worlds in virtual time with faults drawn from SEED, held against an oracle (600 a minute on 2 cores)
	go test ./internal/sim -count=1 -v -timeout 12h -run TestSim -sim.runs=$(RUNS) -sim.seed=$(SEED)

faults: ## RUNS runs (80 s each) of real brokers, driftd, ClickHouse and Alertmanager with faults drawn from SEED
	@last=$$(mktemp); status=0; \
	go test -tags e2e ./e2e -count=1 -v -timeout 24h -run TestFaults -faults.runs=$(RUNS) -faults.seed=$(SEED) -faults.summary=$$last || status=$$?; \
	cat $$last; rm -f $$last; exit $$status

soak: ## an hour (FOR) of load with odd, late and broken events and a sink away; writes docs/bench/soak.md
	go test -tags e2e ./e2e -count=1 -v -timeout 24h -run TestSoak -soak.for=$(FOR) $(if $(filter 1h,$(FOR)),-soak.out=../docs/bench/soak.md)

scale: ## what driftd costs by what it is given, on real servers, and a fleet of 1,000 models; writes docs/SCALE.md (30 minutes on 2 cores)
	cd bench && go run ./scale -out ../docs/SCALE.md

mutants: ## take every clause of the invariants out of the code: a test has to fail; writes docs/bench/mutants.md (15 minutes on 2 cores)
	cd bench && go run ./mutants -out ../docs/bench/mutants.md

e2e: ## tests against real Kafka, ClickHouse, Prometheus and Alertmanager (installed when missing)
	go test -tags e2e -v -count=1 -timeout 30m ./e2e/...

lint: ## go vet, golangci-lint (imports between packages among it), buf, and that generated code is fresh
	go vet -tags e2e ./...
	cd deploy/compose/check && go vet ./...
	$(TOOL) golangci-lint run
	cd deploy/grafana && go tool -modfile=../../tools/go.mod golangci-lint run -c ../../.golangci.yml
	$(TOOL) buf lint
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && $(TOOL) buf generate -o "$$fresh" && \
	for f in "$$fresh"/internal/wire/*.pb.go; do \
		diff -u "internal/wire/$${f##*/}" "$$f" || { echo "internal/wire/$${f##*/} is not what driftd.proto gives: run make generate" >&2; exit 1; }; \
	done

bench: ## measure driftd against its bounds, beside the fastest parser
	cd bench && go run .

stats: ## simulate the rule's false alarms and power, beside what is claimed; writes docs/bench/statistics.md (20 minutes on 2 cores)
	cd bench && go run ./stats -effort $(EFFORT) $(if $(filter 1,$(EFFORT)),-out ../docs/bench/statistics.md)

real: ## what the rule finds in public data (../shared/data), beside Evidently, NannyML and alibi-detect; writes docs/bench/real.md; PEERS=no runs driftd alone
	cd bench && go run ./real -peers=$(if $(filter no,$(PEERS)),false,true) $(if $(filter no,$(PEERS)),,-out ../docs/bench/real.md)

fuzz: ## every fuzz target for FUZZTIME (30s)
	@for pkg in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

corpus: ## keep what fuzzing here has found: the 24 smallest new inputs of each target, in testdata/fuzz, which every test run tries
	@from="$$(go env GOCACHE)/fuzz/$$(go list -m)"; \
	for dir in $$(cd "$$from" && find . -type d -name 'Fuzz*'); do \
		target=$${dir##*/}; pkg=$${dir%/*}; to="$$pkg/testdata/fuzz/$$target"; \
		grep -qs "func $$target(" $$pkg/*_test.go || continue; \
		mkdir -p "$$to" && ls -Sr "$$from/$$dir" | head -24 | while read -r f; do cp "$$from/$$dir/$$f" "$$to/"; done; \
		echo "$$to: $$(ls "$$to" | wc -l)"; \
	done

generate: ## internal/wire/*.pb.go from driftd.proto, Grafana's dashboards from deploy/grafana/generate
	$(TOOL) buf generate
	cd deploy/grafana && go run ./generate
