# make help lists the targets.

PREFIX  ?= /usr/local
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# How long make fuzz spends on each fuzz target.
FUZZTIME ?= 60s
# How long make soak goes on, and how many steps it makes at least.
SOAKTIME ?= 1h
SOAKSTEPS ?= 0
# A Go older than go.mod asks for fetches the one it needs.
export GOTOOLCHAIN ?= auto
# Without urfave/cli's generator of manuals, whose tables take 0.2 MB in each supervisor.
export GOFLAGS := $(GOFLAGS) -tags=urfave_cli_no_docs

BUILD = CGO_ENABLED=0 go build -trimpath

.PHONY: build
build: ## build/respawner, a static binary
	$(BUILD) -ldflags "-s -w -X main.version=$(VERSION)" -o build/respawner ./cmd/respawner

.PHONY: install
install: build ## into DESTDIR and PREFIX (default /usr/local)
	install -D -m 755 build/respawner $(DESTDIR)$(PREFIX)/bin/respawner

# What the tests need beside Go is installed below build/, and not on the machine: see test/room.sh.
# With RESPAWNER_REQUIRE=all a test that misses something fails; else it skips.
PACKAGES = lighttpd curl busybox gcc libc6-dev util-linux tmux \
	$(if $(shell command -v go),,golang-go ca-certificates)
ROOM = sh test/room.sh $(PACKAGES) --

.PHONY: test
test: PACKAGES += $(shell bash test/zoo/zoo.sh packages $$(cat test/zoo/hardest))
test: ## all tests, with the race detector where there is a C compiler
	$(ROOM) sh -c 'if command -v cc >/dev/null; then CGO_ENABLED=1 go test -timeout 20m -count=1 -race ./...; \
		else CGO_ENABLED=0 go test -timeout 20m -count=1 ./...; fi'

# The daemons of the zoo: one of each file there.
ZOO = $(notdir $(basename $(wildcard test/zoo/daemons/*.sh)))

.PHONY: test-zoo
test-zoo: PACKAGES += $(shell bash test/zoo/zoo.sh packages $(ZOO))
test-zoo: ## many real daemons, into docs/ZOO.md (root; a quarter of an hour)
	UNPACKED=$(CURDIR)/build/zoo RESPAWNER_REQUIRE=all RESPAWNER_ZOO=$(CURDIR)/docs/ZOO.md CGO_ENABLED=0 \
		$(ROOM) sh -c 'bash test/zoo/zoo.sh unpack $(ZOO) && \
			go test -timeout 60m -count=1 -parallel 4 -run "^TestZoo\$$" ./test'

.PHONY: test-removals
test-removals: ## 200 services, 200 of whose files are removed at random (a minute)
	RESPAWNER_REMOVALS=200 CGO_ENABLED=0 go test -timeout 10m -count=1 -run '^TestRandomRemovals$$' ./test

.PHONY: demo
demo: PACKAGES = lighttpd curl
demo: build ## a daemon that is killed, comes back and is stopped
	$(BUILD) -o build/httpd ./test/httpd
	RESPAWNER=$(CURDIR)/build/respawner HTTPD=$(CURDIR)/build/httpd $(ROOM) sh test/demo.sh

.PHONY: bench
bench: PACKAGES = lighttpd gcc libc6-dev forkstat
bench: build ## what following costs, into docs/BENCHMARKS.md (root; some minutes)
	$(ROOM) go run ./test/bench -respawner build/respawner -o docs/BENCHMARKS.md

# The pure code, which touches no kernel, is what docs/DESIGN.md says: watch/service,
# watch/settle, and of the other packages but cmd the files whose name doesn't end in _linux.go.
# In watch and watch/control the tests of such files do without a kernel, too.
PURE = procconn timer watch watch/control watch/service watch/settle
# The names of their tests in $$dir, as a pattern.
PURETESTS = $$(ls $$dir/*_test.go | case $$dir in watch|watch/control) grep -v _linux_test;; *) cat;; esac | \
	xargs sed -n 's/^func \(\(Test\|Fuzz\)[A-Za-z0-9_]*\)(.*/\1/p' | paste -sd '|')

.PHONY: quick
quick: ## the pure code, the commands and a short simulation: no root, nothing installed, some seconds
	@set -e; for dir in $(PURE); do go test -timeout 5m -run "^($(PURETESTS))\$$" ./$$dir; done
	@go test -timeout 5m ./cmd/respawner
	@go test -timeout 5m -run '^TestSimulation$$' ./watch

.PHONY: cover
cover: ## fails where tests run less than 95 % of the pure code of a package (see docs/DESIGN.md)
	@mkdir -p build
	@set -e; for dir in $(PURE); do \
		go test -timeout 5m -count=1 -run "^($(PURETESTS))\$$" -coverprofile=build/cover.out ./$$dir; \
		awk -F'[: ]' '/^mode:/ || $$1 ~ /_linux\.go$$/ { next } { all += $$3; if ($$4) run += $$3 } \
			END { printf "%5.1f %% of the pure code of %s\n", 100 * run / all, dir; \
				if (run < 0.95 * all) { print "less than 95 %: go tool cover -html=build/cover.out shows the rest"; exit 1 } }' \
			dir=$$dir build/cover.out; \
	done

.PHONY: mutate
mutate: ## changes watch/service in one place after another, and watch/settle as is listed: which of that do their tests not notice? (many minutes)
	go run ./test/mutate
	go run ./test/mutate -list test/mutate/settle.txt -explained test/mutate/settle-explained.txt watch/settle

# Before Go 1.27 a target may fail with "context deadline exceeded" when its time
# is over, and nothing found (golang/go#75804).
.PHONY: fuzz
fuzz: export GOTOOLCHAIN = go1.27.1+auto
fuzz: ## every fuzz target for FUZZTIME (default 60s); what it finds stays under testdata/fuzz
	@set -e; for dir in $$(go list -f '{{.Dir}}' ./...); do \
		for target in $$(cat $$dir/*_test.go 2>/dev/null | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p'); do \
			echo "== $$dir $$target"; \
			(cd $$dir && go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x .); \
		done; \
	done

.PHONY: soak
soak: ## the simulation of watch, with new seeds, for SOAKTIME (default 1h) and SOAKSTEPS
	go test -timeout 0 -count=1 -v -run '^TestSimulation$$' ./watch -soak=$(SOAKTIME) -soaksteps=$(SOAKSTEPS)

.PHONY: test-kernels
test-kernels: PACKAGES += qemu-system-x86
test-kernels: ## on other kernels, in virtual machines, into docs/KERNELS.md (hours)
	$(ROOM) go run ./test/kernels -o docs/KERNELS.md

.PHONY: clean
clean: ## remove build/
	rm -rf build

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 16

# The tools of check, each at one version; the file's name carries it, so that
# a new version is fetched when it is wanted.
TOOLS        = build/tools
STATICCHECK  = $(TOOLS)/staticcheck@v0.8.2
GOLANGCILINT = $(TOOLS)/golangci-lint@v2.15.0
GOVULNCHECK  = $(TOOLS)/govulncheck@v1.9.0

$(STATICCHECK):  PKG = honnef.co/go/tools/cmd/staticcheck
$(GOLANGCILINT): PKG = github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(GOVULNCHECK):  PKG = golang.org/x/vuln/cmd/govulncheck
$(TOOLS)/%:
	GOBIN=$(CURDIR)/$(TOOLS) GOFLAGS= CGO_ENABLED=0 go install $(PKG)@$(lastword $(subst @, ,$@))
	mv $(TOOLS)/$(notdir $(PKG)) $@

.PHONY: check
check: $(STATICCHECK) $(GOLANGCILINT) $(GOVULNCHECK) ## gofmt, vet, staticcheck, golangci-lint, govulncheck
	@unformatted=$$(gofmt -l cmd procconn test timer watch) && if [ -n "$$unformatted" ]; then \
		echo "gofmt -w is needed by:" $$unformatted; exit 1; fi
	go vet ./...
	$(STATICCHECK) ./...
	$(GOLANGCILINT) run ./...
	@# 3 is "vulnerable"; it fails otherwise when its database cannot be reached.
	@$(GOVULNCHECK) ./...; case $$? in 0) ;; 3) exit 1 ;; \
		*) echo "govulncheck could not run (its error is above): SKIPPED" ;; esac
