#!/usr/bin/env bash
# Runs a command where it can open a window, keep a secret and leave no trace:
# Xvfb, a private D-Bus session, an unlocked keyring and folders of its own.
set -eu
[ $# -gt 0 ] || { echo "usage: tests/window.sh COMMAND [ARGUMENT ...]" >&2; exit 2; }

home=$(mktemp -d "${TMPDIR:-/tmp}/holdfast-window.XXXXXX")
trap 'rm -rf "$home"' EXIT
mkdir -p "$home"/{config,data,cache,state} && mkdir -m 700 "$home/run"
export HOME="$home" XDG_CONFIG_HOME="$home/config" XDG_DATA_HOME="$home/data" XDG_CACHE_HOME="$home/cache" \
  XDG_STATE_HOME="$home/state" XDG_RUNTIME_DIR="$home/run"
unset DISPLAY WAYLAND_DISPLAY DBUS_SESSION_BUS_ADDRESS GNOME_KEYRING_CONTROL
export TZ="${TZ:-America/Sao_Paulo}" LANG=C.UTF-8 GDK_BACKEND=x11 LIBGL_ALWAYS_SOFTWARE=1 GTK_USE_PORTAL=0
# The web view composites: with that switched off, its driver never answers a request for a screenshot.
unset WEBKIT_DISABLE_COMPOSITING_MODE WEBKIT_DISABLE_DMABUF_RENDERER

# Xvfb outside D-Bus: what the bus starts must find the display. The keyring is
# unlocked before anything can ask the portal, which would start a locked one.
xvfb-run -a -s '-screen 0 1400x1000x24 -nolisten tcp' dbus-run-session -- bash -c '
  printf practice | gnome-keyring-daemon --unlock --components=secrets >/dev/null
  "$@"' window "$@"
