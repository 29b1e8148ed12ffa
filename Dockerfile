# Two images of the plugins for Fluent Bit, and one of the emulator of SLS:
#
#   docker build --target plugins --build-arg VERSION=1.0.0 -t registry.example.com/fluent-bit-sls:1.0.0 .
#   docker build --target agent --build-arg VERSION=1.0.0 -t registry.example.com/fluent-bit-sls-agent:1.0.0 .
#
# plugins  the two plugins and a program that copies them where it is told, for an init
#          container beside any Fluent Bit image
# agent    the official Fluent Bit with the plugins in /opt/sls and the configurations of
#          conf/ in /opt/sls/conf:
#
#   docker run --rm -e SLS_ENDPOINT=... -e SLS_PROJECT=... fluent-bit-sls-agent -c /opt/sls/conf/ship-files.yaml
#
# slsfake  the emulator, which serves only the machine that it runs on:
#
#   docker build --target slsfake -t slsfake .
#   docker run --rm --network host slsfake
#
# Several processors: docker buildx build --platform linux/amd64,linux/arm64 ... The build runs
# on this machine's processor and cross-compiles. BuildKit, Docker's builder since 23, keeps
# modules and objects from one build to the next.
#
# The images it begins with are named by digest, so that the same bytes come from the same
# source. Another Fluent Bit: --build-arg FLUENT_BIT=fluent/fluent-bit:4.2.7

ARG GOLANG=golang:1.25-bookworm@sha256:3b4a11519ad929d1e1d261a12cff056f0c85b735253d7d861346b9c6f8b36437
ARG FLUENT_BIT=fluent/fluent-bit:5.1.1@sha256:a941bdd5ca552b2c6597fc7b3bccf2e61d30873939bab5700963de0e94ac6169

# What is built here loads wherever glibc is 2.17 or newer: see shared/flb/glibc.h.
FROM --platform=$BUILDPLATFORM ${GOLANG} AS build
ARG BUILDARCH
ARG TARGETARCH
RUN case "$BUILDARCH-$TARGETARCH" in \
        amd64-amd64 | arm64-arm64) exit 0 ;; \
        amd64-arm64) packages="gcc-aarch64-linux-gnu libc6-dev-arm64-cross" ;; \
        arm64-amd64) packages="gcc-x86-64-linux-gnu libc6-dev-amd64-cross" ;; \
        *) echo "cannot build for $TARGETARCH on $BUILDARCH" >&2; exit 1 ;; \
    esac && \
    apt-get update && apt-get install -y --no-install-recommends $packages && rm -rf /var/lib/apt/lists/*
ENV GOCACHE=/go/cache
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY install install
COPY in_sls in_sls
COPY out_sls out_sls
COPY shared shared
ARG VERSION=dev
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/go/cache \
    case "$TARGETARCH" in amd64) CC=x86_64-linux-gnu-gcc ;; arm64) CC=aarch64-linux-gnu-gcc ;; esac && \
    export CC GOARCH="$TARGETARCH" && \
    export CGO_CFLAGS="-O2 -g -include /src/shared/flb/glibc.h" && \
    export CGO_LDFLAGS="-O2 -g -Wl,--no-as-needed -l:libpthread.so.0 -l:libdl.so.2" && \
    for plugin in out_sls in_sls; do \
        CGO_ENABLED=1 go build -buildmode=c-shared -trimpath -tags netgo,osusergo,nethttpomithttp2,notfastpath -ldflags "-s -w -buildid= -X main.version=$VERSION" \
            -o "/image/plugins/$plugin.so" "./$plugin" || exit 1; \
    done && \
    rm /image/plugins/*.h && \
    CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -buildid=' -o /image/install ./install

FROM scratch AS plugins
ARG VERSION=dev
LABEL org.opencontainers.image.title="fluent-bit-sls" \
      org.opencontainers.image.description="Fluent Bit plugins for Alibaba Cloud Simple Log Service, and a program that copies them to a volume" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image /
COPY LICENSE THIRD_PARTY_NOTICES sbom.cdx.json /
USER 65532:65532
ENTRYPOINT ["/install"]

FROM build AS build-slsfake
ARG TARGETARCH
COPY tests/slsfake tests/slsfake
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/go/cache \
    CGO_ENABLED=0 GOARCH="$TARGETARCH" go build -trimpath -ldflags '-s -w -buildid=' -o /slsfake ./tests/slsfake/cmd/slsfake

FROM scratch AS slsfake
ARG VERSION=dev
LABEL org.opencontainers.image.title="slsfake" \
      org.opencontainers.image.description="An emulator of Alibaba Cloud Simple Log Service for tests" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build-slsfake /slsfake /
COPY LICENSE THIRD_PARTY_NOTICES sbom.cdx.json /
USER 65532:65532
ENTRYPOINT ["/slsfake"]

FROM ${FLUENT_BIT} AS agent
ARG VERSION=dev
LABEL org.opencontainers.image.title="fluent-bit-sls-agent" \
      org.opencontainers.image.description="Fluent Bit with the plugins for Alibaba Cloud Simple Log Service in /opt/sls" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image/plugins /opt/sls
COPY conf/*.yaml /opt/sls/conf/
COPY LICENSE THIRD_PARTY_NOTICES sbom.cdx.json /opt/sls/
# Not root, as the official image is: with --user 0 it reads log files that belong to root.
# The command is the official one, until another configuration is named.
USER 65532:65532
