# make alone prints this help.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

BUF  = go tool -modfile=tools/build/go.mod buf
SQLC = CGO_ENABLED=0 go tool -modfile=tools/build/go.mod sqlc
LINT = go tool -modfile=tools/lint/go.mod golangci-lint
# What the contract must not break: the branch that partners build against.
BASE ?= $(shell git rev-parse --verify -q origin/main || git rev-parse --verify -q main || git rev-parse HEAD)

.PHONY: help
help: ## Show what can be made.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 17

.PHONY: run
run: build ## Run the server; everything it needs it finds or installs.
	./anton serve

.PHONY: demo
demo: build ## Send a payout as the guide does it, against the running server or one of its own.
	./anton demo

.PHONY: bench
bench: build ## Measure create-payout beside the floor, on a PostgreSQL of its own (two minutes; see docs/performance.md).
	./anton bench

.PHONY: bench-webhooks
bench-webhooks: build ## Measure how webhooks are delivered, on a PostgreSQL of its own (two minutes).
	./anton bench webhooks

.PHONY: bench-screening
bench-screening: build ## Measure how names are screened, on ../shared/screening-dev and ../shared/lists (see docs/screening.md).
	./anton bench screening

.PHONY: build
build: ## Build ./anton.
	go build -o anton ./server

.PHONY: test
test: ## Run all tests, on a real PostgreSQL.
	go test ./...

.PHONY: race
race: ## Run all tests with the race detector (needs a C compiler).
	@# The detector sleeps for a second before each package's tests end, for goroutines that still run then. What vet says, make test says.
	@# An eighth of linking is collecting garbage that ends with the linker. One package more than there are processors, because they wait too.
	CGO_ENABLED=1 GOGC=400 GORACE=atexit_sleep_ms=0 go test -race -vet=off -p $$(($$(getconf _NPROCESSORS_ONLN) + 1)) ./...

# How long make fuzz tries each parser. Go shortens what it finds for up to a minute each, and tries nothing new meanwhile: a second is enough.
FUZZTIME ?= 10s

.PHONY: fuzz
fuzz: ## Try every parser with input that nobody would write, FUZZTIME (10s) each.
	@for package in $$(grep -rl --include='*_test.go' '^func Fuzz' server tools | xargs -n1 dirname | sort -u); do \
		for target in $$(grep -h -o '^func Fuzz[A-Za-z0-9]*' $$package/*_test.go | cut -c6-); do \
			echo "$$package $$target"; \
			go test ./$$package -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s; \
		done; \
	done

.PHONY: check
check: check-gen lint breaking ## Everything a change must pass besides its tests.

.PHONY: gen
gen: .protodeps ## Generate code and documents from proto and sql.
	rm -rf gen/anton gen/openapi gen/db
	$(BUF) format -w proto
	$(BUF) generate
	$(SQLC) generate

.PHONY: check-gen
check-gen: gen
	@git diff --exit-code --stat -- gen proto || { echo 'Generated files are stale: run "make gen" and commit.'; exit 1; }
	@test -z "$$(git ls-files --others --exclude-standard gen)" || { echo 'Generated files are not committed: run "make gen" and commit.'; exit 1; }

.PHONY: lint
lint: .protodeps ## Check style: proto, Go, SQL.
	$(BUF) lint
	$(SQLC) compile
	go vet ./...
	$(LINT) run

.PHONY: breaking
breaking: .protodeps ## Fail if the contract breaks what partners built on.
	rm -rf .baseline && mkdir .baseline
	git archive $(BASE) buf.yaml proto | tar -x -C .baseline
	cp -r .protodeps .baseline/
	$(BUF) breaking --against .baseline
	rm -rf .baseline

.protodeps: go.mod tools/protodeps/main.go
	rm -rf $@
	go run ./tools/protodeps $@
	touch $@
