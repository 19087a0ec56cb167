#!/usr/bin/env bash
# Builds both images without Docker and without a registry of images: Debian's buildah, over a base that mmdebstrap and npm make, which is
# given to the Dockerfile as NODE_IMAGE. Needs root, buildah and mmdebstrap.
#
#   image/build-here.sh STORAGE [buildah build options...]
#
# STORAGE is a directory for buildah's own storage; remove it with `buildah --root ... rmi -a` or as a whole. What this machine needs for its
# way to the registries (mirrors, proxies, a certificate authority of its own) goes into the base, of which no image keeps a layer.
set -euo pipefail
storage=${1:?usage: image/build-here.sh STORAGE [buildah build options...]}
shift
cd "$(dirname "$0")/.."
cache=node_modules/.cache/cluster-dns-image
node_line=26 suite=bookworm
mkdir -p "$storage" "$cache"

# STORAGE_DRIVER is buildah's own variable. vfs works on every file system, and copies the whole image for each step.
export STORAGE_DRIVER=${STORAGE_DRIVER:-overlay}
store() { buildah --root "$storage/root" --runroot "$storage/run" "$@"; }
store info >/dev/null 2>&1 || STORAGE_DRIVER=vfs

# Debian, with the sources, and proxies that this machine's apt has, and the libraries that Node.js needs.
debian() { # tarball
  local source options=()
  for source in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do [ -s "$source" ] && break; done
  grep -qs "$suite" "$source" || source=http://deb.debian.org/debian
  while read -r line; do options+=("--aptopt=$line"); done < <(
    apt-config dump Acquire | grep -E '^Acquire::(Check-|https?::(Proxy|CAInfo))' | grep -v '""'
  )
  mmdebstrap --quiet --dpkgopt=force-unsafe-io --variant=minbase --include=ca-certificates,libatomic1,libstdc++6 ${options[@]+"${options[@]}"} \
    --format=tar "$suite" "$1" "$source"
}

# Node.js and npm, laid out as in the official image.
node_and_npm() { # directory
  local from found
  from=$(mktemp -d)
  npm install --silent --no-save --prefix "$from" --ignore-scripts=false "node@$node_line" npm
  found=$(find "$from/node_modules/node" -path '*bin/node' -type f | head -1)
  mkdir -p "$1/usr/local/bin" "$1/usr/local/lib/node_modules" "$1/usr/local/etc"
  cp "$found" "$1/usr/local/bin/node"
  find "$from/node_modules/node" -maxdepth 3 -name LICENSE -path '*node-linux*' -exec cp {} "$1/usr/local/LICENSE" \;
  cp -r "$from/node_modules/npm" "$1/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$1/usr/local/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$1/usr/local/bin/npx"
  echo "registry=$(npm config get registry)" > "$1/usr/local/etc/npmrc"
  if [ -n "${NODE_EXTRA_CA_CERTS:-}" ]; then cp "$NODE_EXTRA_CA_CERTS" "$1/usr/local/etc/build-ca.crt"; fi
  rm -rf "$from"
}

# Kept below node_modules, where nobody else writes; whoever wants newer packages removes it.
base=$cache/base-$suite-$node_line.tar
if [ ! -s "$base" ]; then
  work=$(mktemp -d "$cache/new.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  debian "$work/base.tar"
  node_and_npm "$work/local"
  tar --append --file "$work/base.tar" --owner 0 --group 0 --directory "$work/local" ./usr
  mv "$work/base.tar" "$base"
  rm -rf "$work"
  trap - EXIT
fi

if ! store inspect --type image localhost/node-base >/dev/null 2>&1; then
  container=$(store from scratch)
  store add --quiet "$container" "$base" / >/dev/null
  store config --env PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin --env NODE_EXTRA_CA_CERTS=/usr/local/etc/build-ca.crt "$container"
  store commit --quiet "$container" localhost/node-base >/dev/null
  store rm "$container" >/dev/null
fi

revision=${REVISION:-$(git rev-parse HEAD 2>/dev/null || true)}
# Names are looked up in the machine's network, and HTTP_PROXY and its like are handed on by buildah itself.
for target in node dns; do
  name=cluster-dns; [ "$target" = dns ] || name=cluster-dns-$target
  store build --isolation chroot --network host --pull-never --format docker --layers --timestamp 0 \
    --build-arg NODE_IMAGE=localhost/node-base --build-arg REVISION="$revision" \
    --target "$target" --tag "$name" "$@" .
done
