# make build   build/out_sls.so and build/in_sls.so
# make demo    ship a file through out_sls and read it back through in_sls
# make test    everything, with the race detector
# make setup   what some tests need from Debian's and npm's packages, to build; part of make test (SETUP=off: not)
# make campaign TIME=3m SEED=n   faults, kills and restarts: nothing may be lost (RACE=1: with the race detector; SIDE=out: one side, see its comment)
# make dist    tarballs, .deb and .rpm for linux/amd64 and linux/arm64 with checksums, checked and tried, in build/dist
# make bench   speed and memory beside their rivals and bars, some in a real Fluent Bit (ROUNDS=5), and large groups in virtual time
# make lint    static checks
# make fuzz    every fuzz target for FUZZTIME each
# make docs    option tables of the READMEs from their declarations, notices and the list of parts from what is linked

GO       ?= go
FUZZTIME ?= 10s
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
PLUGINS  := build/out_sls.so build/in_sls.so
RACED    := build/race/out_sls.so build/race/in_sls.so
# With Go's own resolver, and without what no plugin uses: HTTP/2, and ugorji/codec's functions for each type.
FLAGS    := -buildmode=c-shared -trimpath -tags netgo,osusergo,nethttpomithttp2,notfastpath -ldflags '-s -w -buildid= -X main.version=$(VERSION)'
# With these and Go's own resolver a plugin needs no glibc above 2.17. Where functions have
# moved into libc.so.6 since, an older system finds them in the two libraries.
OLDEST   := CGO_CFLAGS='-O2 -g -include $(CURDIR)/shared/flb/glibc.h' CGO_LDFLAGS='-O2 -g -Wl,--no-as-needed -l:libpthread.so.0 -l:libdl.so.2'
# Tests in modules of their own, for what only they need.
NESTED   := tests/kubernetes tests/grafana tests/packages
SOURCES  := $(shell find out_sls in_sls shared -name '*.go' -o -name '*.c' -o -name '*.h') go.mod go.sum

# A C program can load a plugin with the race detector only where the detector
# has shadow memory: see flbhost.RaceLinkFlags.
RACE_LDFLAGS := -extldflags=-Wl,-Ttext-segment=0x10000000

LINT_VERSION := v2.6.2
LINT         := build/tools/$(LINT_VERSION)/golangci-lint

GOTESTSUM_VERSION := v1.13.0
GOTESTSUM         := build/tools/$(GOTESTSUM_VERSION)/gotestsum

.DELETE_ON_ERROR:
.PHONY: build demo setup test campaign dist bench lint fuzz docs fmt clean

build: $(PLUGINS)

build/%.so: $(SOURCES)
	CGO_ENABLED=1 $(OLDEST) $(GO) build $(FLAGS) -o $@ ./$*
	@rm -f build/$*.h

# The same plugins with the race detector in them, for the tests under flbhost.
build/race/%.so: $(SOURCES)
	CGO_ENABLED=1 $(GO) build -race -buildmode=c-shared -trimpath -ldflags '$(RACE_LDFLAGS)' -o $@ ./$*
	@rm -f build/race/$*.h

demo: build
	@$(GO) run ./tests/demo/cmd/demo $(if $(LOG),--log '$(LOG)')

setup:
	@sh tests/setup.sh

test: $(if $(filter off,$(SETUP)),,setup) build $(RACED) $(GOTESTSUM)
	@mkdir -p build && GO=$(GO) GOTESTSUM=$(GOTESTSUM) sh tests/test.sh

# TIME is how long faults rain; SEED 0 takes a random one, which is printed.
campaign: build $(if $(RACE),$(RACED))
	@$(GO) run ./tests/campaign --time $(or $(TIME),3m) --seed $(or $(SEED),0) --side $(or $(SIDE),all) --so build/$(if $(RACE),race/)out_sls.so --in-so build/$(if $(RACE),race/)in_sls.so

# `make setup` installs a missing cross compiler or emulator; the glibc of Debian 11 is brought here.
dist:
	@sh tests/setup.sh glibc
	@$(GO) run ./tests/dist --version '$(VERSION)' -- $(FLAGS)
	@cd tests/packages && $(GO) run . --version '$(VERSION)' --time "$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)}" ../../build/dist

bench: build
	@$(GO) run ./tests/bench --rounds $(or $(ROUNDS),5)
	@$(GO) test -count=1 -v -run TestScale ./in_sls/internal/consumer

lint: $(LINT)
	$(LINT) run ./...
	$(GO) mod tidy -diff
	$(GO) vet ./...
	@set -e; for module in $(NESTED); do \
		(set -x; cd $$module; $(CURDIR)/$(LINT) run ./...; $(GO) mod tidy -diff; $(GO) vet ./...); \
	done

fmt: $(LINT)
	$(LINT) fmt ./...
	@set -e; for module in $(NESTED); do (cd $$module; $(CURDIR)/$(LINT) fmt ./...); done

$(LINT):
	GOBIN=$(CURDIR)/$(@D) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

$(GOTESTSUM):
	GOBIN=$(CURDIR)/$(@D) $(GO) install gotest.tools/gotestsum@$(GOTESTSUM_VERSION)

fuzz:
	@FUZZTIME=$(FUZZTIME) GO=$(GO) sh tests/fuzz.sh

docs:
	$(GO) test ./out_sls ./in_sls -run TestReadmeOptionTable -count=1 -args -update
	$(GO) test ./tests/dist -run TestNotices -count=1 -args -update

clean:
	rm -rf build
