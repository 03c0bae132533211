# Pictor. «make» alone tells what can be made.
.DEFAULT_GOAL := help
SHELL := /bin/sh

BUILD := $(CURDIR)/.build
BIN := $(BUILD)/bin
VIPS := $(BUILD)/libvips
GO ?= go
MODULES := shared origin edge bench

export CGO_ENABLED := 1
export PKG_CONFIG_PATH := $(VIPS)/lib/pkgconfig
export PICTOR_BIN := $(BIN)
# The HEIC decoder must be the WebAssembly one: without the tag it would load a libheif of the system, if there is one.
export GOFLAGS := -tags=nodynamic $(GOFLAGS)
# Go's build cache does not see what pkg-config says: without this a second clone would link against the first one's
# libvips.
export CGO_CPPFLAGS := -DPICTOR_LIBVIPS=$(VIPS)@$(shell cksum < deploy/libvips/package-lock.json | cut -d' ' -f1)

# What «make run» and «make demo» take, see README.
EDGES ?= 1
ORIGIN_PORT ?= 8080
EDGE_PORT ?= 8081
DATA ?= ./data

.PHONY: help
help: ## print this help
	@echo "Pictor: hosts, transforms and delivers pictures."
	@echo
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null \
		|| sed -n 's/^\([a-z][a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

.PHONY: run
run: build ## start an origin and edges on loopback (EDGES=3 ORIGIN_PORT=8080 EDGE_PORT=8081 DATA=./data)
	@exec $(BIN)/pictor-stack run --edges '$(EDGES)' --origin-port '$(ORIGIN_PORT)' --edge-port '$(EDGE_PORT)' --data '$(DATA)'

.PHONY: cluster
cluster: ## the same with three edges
	@$(MAKE) --no-print-directory run EDGES=3

.PHONY: demo
demo: build ## upload a sample to the running stack and print URLs that work
	@exec $(BIN)/pictor-stack demo --origin-port '$(ORIGIN_PORT)' --data '$(DATA)'

.PHONY: build
build: tools libvips ## build all programs into .build/bin
	@mkdir -p $(BIN)
	@cd origin && CGO_ENABLED=0 $(GO) build -o $(BIN)/ ./cmd/...
	@cd edge && $(GO) build -o $(BIN)/ ./cmd/...
	@cd bench && $(GO) build -o $(BIN)/ ./cmd/...

.PHONY: libvips
libvips: ## fetch the pinned libvips into .build/libvips
	@sh deploy/libvips/setup.sh $(VIPS)

.PHONY: tools
tools:
	@command -v $(GO) >/dev/null 2>&1 || { echo "missing: go (1.26 or newer). Install it from https://go.dev/dl/"; exit 1; }

.PHONY: test
test: build ## run all tests, with the race detector
	@set -e; for m in $(MODULES); do (cd $$m && $(GO) vet ./... && $(GO) test -race -timeout 30m ./...); done

.PHONY: soak
soak: build ## the long forms of the tests: hundreds of kills and restarts, thousands of mutants
	@cd bench && PICTOR_SOAK=1 $(GO) test -timeout 6h -count 1 -v ./...
	@cd edge && PICTOR_SOAK=1 $(GO) test -timeout 10m -count 1 -v -run Forged .
	@cd edge && PICTOR_SOAK=1 $(GO) test -race -timeout 10m -count 1 -v -run "Crowd|UnderLoad" ./internal/guard
	@cd edge && PICTOR_SOAK=1 $(GO) test -timeout 30m -count 1 -v -run "Kills|Mutants|Flat|Flood" ./internal/render

.PHONY: conformance
conformance: build ## run the published Rust client of img-src against a running Pictor (needs cargo)
	@command -v cargo >/dev/null 2>&1 || { echo "missing: cargo. Install it from https://rustup.rs"; exit 1; }
	@cd bench && PICTOR_CONFORMANCE=1 $(GO) test -timeout 15m -count 1 -v -run 'Client' ./e2e/

.PHONY: fuzz
fuzz: libvips ## fuzz every parser for a while each (FUZZTIME=30s)
	@set -e; for m in $(MODULES); do cd $(CURDIR)/$$m; \
		for p in $$($(GO) list ./...); do \
			for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
				echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $${FUZZTIME:-30s} $$p; \
			done; \
		done; done

.PHONY: bench
bench: build ## measure beside its rivals (QUICK=1 in three minutes, SOURCES=folder with *.jpg, ONLY=hit,render; Ctrl-C keeps what there is)
	@sh bench/install.sh $(BUILD)/bench $(VIPS)
	@cd edge && $(GO) test -c -o $(BIN)/picture.test ./internal/render/picture # compares rungs with direct renders
	@exec $(BIN)/pictor-bench --bin $(BIN) --tools $(BUILD)/bench --results $(CURDIR)/bench/results \
		$(if $(QUICK),--quick,--readme $(CURDIR)/README.md) $(if $(SOURCES),--sources '$(SOURCES)') $(if $(ONLY),--only '$(ONLY)')

.PHONY: fmt
fmt: ## format the code
	@gofmt -w $(MODULES)

.PHONY: lint
lint: libvips ## static checks beyond those of the tests
	@set -e; test -z "$$(gofmt -l $(MODULES))" || { gofmt -l $(MODULES); exit 1; }
	@set -e; for m in $(MODULES); do (cd $$m && $(GO) mod tidy -diff && $(GO) vet ./... \
		&& $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...); done

.PHONY: clean
clean: ## remove everything that was built
	@rm -rf $(BUILD)
