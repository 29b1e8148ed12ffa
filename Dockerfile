# Two images of the plugins for Fluent Bit:
#
#   docker build --target plugins --build-arg VERSION=1.0.0 -t registry.example.com/fluent-bit-sls:1.0.0 .
#   docker build --target agent --build-arg VERSION=1.0.0 -t registry.example.com/fluent-bit-sls-agent:1.0.0 .
#
# plugins  the two plugins and a program that copies them where it is told, for an init
#          container beside any Fluent Bit image
# agent    the official Fluent Bit with the plugins in /opt/sls
#
# Several processors: docker buildx build --platform linux/amd64,linux/arm64 ... The build runs
# on this machine's processor and cross-compiles.

ARG FLUENT_BIT_VERSION=5.1.1

# Debian bookworm: what is linked against its glibc loads wherever glibc is 2.34 or newer.
FROM --platform=$BUILDPLATFORM golang:1.25-bookworm AS build
ARG BUILDARCH
ARG TARGETARCH
RUN case "$BUILDARCH-$TARGETARCH" in \
        amd64-amd64 | arm64-arm64) exit 0 ;; \
        amd64-arm64) packages="gcc-aarch64-linux-gnu libc6-dev-arm64-cross" ;; \
        arm64-amd64) packages="gcc-x86-64-linux-gnu libc6-dev-amd64-cross" ;; \
        *) echo "cannot build for $TARGETARCH on $BUILDARCH" >&2; exit 1 ;; \
    esac && \
    apt-get update && apt-get install -y --no-install-recommends $packages && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY install install
COPY in_sls in_sls
COPY out_sls out_sls
COPY shared shared
ARG VERSION=dev
RUN case "$TARGETARCH" in amd64) CC=x86_64-linux-gnu-gcc ;; arm64) CC=aarch64-linux-gnu-gcc ;; esac && \
    export CC GOARCH="$TARGETARCH" && \
    for plugin in out_sls in_sls; do \
        CGO_ENABLED=1 go build -buildmode=c-shared -trimpath -ldflags "-s -w -X main.version=$VERSION" \
            -o "/image/plugins/$plugin.so" "./$plugin" || exit 1; \
    done && \
    rm /image/plugins/*.h && \
    CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o /image/install ./install

FROM scratch AS plugins
COPY --from=build /image /
COPY LICENSE /
USER 65532:65532
ENTRYPOINT ["/install"]

FROM fluent/fluent-bit:${FLUENT_BIT_VERSION} AS agent
COPY --from=build /image/plugins /opt/sls
# Mount a configuration there; those in conf/ load the plugins from /opt/sls.
CMD ["-c", "/fluent-bit/etc/fluent-bit.yaml"]
