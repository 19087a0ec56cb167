# The image of the DNS server:                  docker build -t cluster-dns .
# with the tools of node-cache and proxy, too:  docker build -t cluster-dns-node --target node .
# docs/image.md says what is in them, and why.
ARG NODE_IMAGE=node:26-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
# Not pinned: Debian's archive drops a version with the security update that takes its place.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install -y --no-install-recommends binutils ca-certificates libcap2-bin \
      conntrack iproute2 ipset iptables ipvsadm netbase nftables \
 && rm -rf /var/lib/apt/lists/*
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
ARG REVISION=
# The capability is permitted and not effective, so that the program starts as well where the container may not have it
# (src/libc/bind-capability.ts takes it into use).
RUN CLUSTER_DNS_REVISION="${REVISION}" node build.mjs \
 && node image/assemble.mjs /rootfs/dns \
 && node image/assemble.mjs /rootfs/node --tools \
 && strip /rootfs/*/usr/local/bin/node \
 && setcap cap_net_bind_service=+p /rootfs/dns/usr/local/bin/node cap_net_bind_service=+p /rootfs/node/usr/local/bin/node

FROM scratch AS node
COPY --from=build /rootfs/node /
# Besides the list that Node.js has built in: that of /etc/ssl/certs, so that an authority of one's own can be mounted there.
ENV NODE_USE_SYSTEM_CA=1
ARG VERSION=0.1.0
ARG REVISION=
ARG SOURCE=
LABEL org.opencontainers.image.title="cluster-dns-node" \
      org.opencontainers.image.description="cluster-dns with the tools of its node-local cache and its Service proxy" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="Apache-2.0"
ENTRYPOINT ["/usr/local/bin/node", "/app/dist/cluster-dns.js"]

FROM scratch AS dns
COPY --from=build /rootfs/dns /
ENV NODE_USE_SYSTEM_CA=1
ARG VERSION=0.1.0
ARG REVISION=
ARG SOURCE=
LABEL org.opencontainers.image.title="cluster-dns" \
      org.opencontainers.image.description="A cluster DNS server for Kubernetes that takes the place of CoreDNS" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 65532:65532
EXPOSE 53/udp 53/tcp
# Kubernetes has probes of its own and does not look at it.
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s CMD ["/usr/local/bin/node", "/app/healthcheck.mjs"]
ENTRYPOINT ["/usr/local/bin/node", "/app/dist/cluster-dns.js"]
