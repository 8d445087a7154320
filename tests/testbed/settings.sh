# Versions and functions of the test bed, sourced by its scripts. Each version can be set in the environment.
# shellcheck shell=bash
# The first version is the oldest, and the whole suite runs on it: later versions keep what it accepts,
# including the fields of manifests. A small set of tests, which runs on each version, covers the changes
# in later versions.
KUBERNETES_VERSIONS=${KUBERNETES_VERSIONS:-1.34.4 1.37.2}
AVALANCHEGO_VERSION=${AVALANCHEGO_VERSION:-1.14.2}

# Two builds of one source: the commits that they report differ, and so do their digests.
declare -A BUILD_COMMITS=(
  [first]=1111111111111111111111111111111111111111
  [second]=2222222222222222222222222222222222222222
)

CACHE=${TESTBED_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bootstrap-monitor-tests}
TESTBED=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PROJECT=$(cd "$TESTBED/../.." && pwd)

# The last line of standard error is the reason that skipped tests report.
# usage: missing SENTENCE
missing() {
  echo "$1" >&2
  exit 1
}

# The oldest Go that builds every program of the tests.
go_minimum=1.26

# Fail with a toolchain that is too old, instead of downloading another one.
# usage: go_is_here WHAT      WHAT it is for begins the sentence
go_is_here() {
  local found
  found=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null || true)
  if [ "$(printf 'go%s\n%s\n' "$go_minimum" "$found" | sort -V | head -n 1)" != "go$go_minimum" ]; then
    missing "$1: install Go $go_minimum or newer (https://go.dev/dl), and have go on the PATH; found: ${found:-none}"
  fi
}

# Nobody debugs these programs; building without debug information saves an eighth of the time.
# usage: go_build ARGUMENT...      as of go build
go_build() {
  go build -trimpath -gcflags=all=-dwarf=false "$@"
}

# Locks the cache until the script ends. Unfinished folders are left from killed runs.
lock_cache() {
  mkdir -p "$CACHE"
  exec 9> "$CACHE/lock"
  flock 9
  rm -rf "$CACHE"/*.unfinished-*
}

# Installs Debian packages that are missing. Their daemons are not needed outside the tests, so they are stopped.
# usage: install_packages PACKAGE...
install_packages() {
  local absent=() package service
  for package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || absent+=("$package")
  done
  [ ${#absent[@]} -gt 0 ] || return 0
  echo "installing Debian packages: ${absent[*]}"
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${absent[@]}"; } \
    > "$CACHE/apt.log" 2>&1 || { tail -n 5 "$CACHE/apt.log" >&2; exit 1; }
  for service in containerd docker-registry etcd; do
    systemctl disable --now "$service" > /dev/null 2>&1 || true
  done
}

# A result is a folder that appears complete: it is made under another name and then renamed.
# usage: make_once RESULT COMMAND...    COMMAND gets the folder to fill as its last argument
make_once() {
  local result=$1 unfinished started=$SECONDS
  shift
  [ -e "$result" ] && return
  mkdir -p "$(dirname "$result")"
  unfinished=$(mktemp -d "$result.unfinished-XXXXXX")
  "$@" "$unfinished"
  mv -T "$unfinished" "$result"
  echo "made ${result##*/} in $((SECONDS - started)) s"
}

# Prints a short hash of the parts of a result: the given files and folders, and the words after --.
# usage: fingerprint PATH... [-- WORD...]
fingerprint() {
  local paths=()
  while [ $# -gt 0 ] && [ "$1" != -- ]; do paths+=("$1"); shift; done
  { find "${paths[@]}" -type f ! -name '*.pyc' -print0 | LC_ALL=C sort -z | xargs -0r sha256sum | sed "s#  $PROJECT/#  #"
    printf '%s\n' "$@"; } | sha256sum | cut -c1-16
}

# Deletes older results of a kind.
# usage: keep_only RESULT PATTERN
keep_only() {
  local result=$1 each
  for each in $2; do
    case $each in "$result" | *'*'*) ;; *) rm -rf "$each" ;; esac
  done
}
