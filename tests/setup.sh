#!/usr/bin/env bash
# Installs what is missing to build and test Holdfast: system libraries through
# apt, the packages of the window and of the conformance suite through npm.
# Changes nothing that is there already.
set -eu
cd "$(dirname "$0")/.."

packages="build-essential pkg-config libwebkit2gtk-4.1-dev libgtk-3-dev librsvg2-dev
  libayatana-appindicator3-dev xvfb xauth webkit2gtk-driver dbus gnome-keyring at-spi2-core strace"

need() {
  command -v "$1" >/dev/null || { echo "Holdfast needs $2. Install it and run this again." >&2; exit 1; }
}
need cargo "Rust 1.95 or newer (rustup.rs)"
need node "Node 20.19 or newer"
need npm "npm, which comes with Node"

missing=""
for package in $packages; do
  [ "$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null)" = "install ok installed" ] || missing="$missing $package"
done
if [ -n "$missing" ]; then
  if ! command -v apt-get >/dev/null; then
    echo "This system has no apt. Install what these Debian packages hold, then run this again:" >&2
    echo " $missing" | tr -s ' \n' ' ' >&2
    echo >&2
    exit 1
  fi
  as_root=""
  if [ "$(id -u)" != 0 ]; then
    need sudo "sudo, or to be started as root, to install:$missing"
    as_root="sudo"
  fi
  echo "Installing$missing"
  $as_root apt-get update -qq
  # shellcheck disable=SC2086 # a list of package names
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

# npm leaves its own copy of the lock file behind: equal means nothing to do.
for part in ui tests/conformance; do
  if ! cmp -s "$part/package-lock.json" "$part/node_modules/.holdfast-lock"; then
    npm --prefix "$part" ci --ignore-scripts --no-audit --no-fund
    cp "$part/package-lock.json" "$part/node_modules/.holdfast-lock"
  fi
done
