# What the test bed is made of; sourced by its scripts.  Each of these can be set from outside.
# shellcheck shell=bash
# The oldest comes first, and the whole suite runs on it: what it accepts, the fields of manifests included, later ones
# keep.  What later ones changed is for a small set of tests, on each of them.
KUBERNETES_VERSIONS=${KUBERNETES_VERSIONS:-1.34.4 1.37.2}
AVALANCHEGO_VERSION=${AVALANCHEGO_VERSION:-1.14.2}

# One set of sources, two builds: they differ in the commit that they report, and so in their digest.
declare -A BUILD_COMMITS=(
  [first]=1111111111111111111111111111111111111111
  [second]=2222222222222222222222222222222222222222
)

CACHE=${TESTBED_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bootstrap-monitor-tests}
TESTBED=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PROJECT=$(cd "$TESTBED/../.." && pwd)

# The last line that is printed is what the skipped tests say.
# usage: missing SENTENCE
missing() {
  echo "$1" >&2
  exit 1
}

# The oldest Go that builds every program of the tests.
go_minimum=1.26

# A toolchain that is too old must say so, not fetch another one.
# usage: go_is_here WHAT      WHAT it is for begins the sentence
go_is_here() {
  local found
  found=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null || true)
  if [ "$(printf 'go%s\n%s\n' "$go_minimum" "$found" | sort -V | head -n 1)" != "go$go_minimum" ]; then
    missing "$1: install Go $go_minimum or newer (https://go.dev/dl), and have go on the PATH; found: ${found:-none}"
  fi
}

# Nobody debugs what is built here; without what a debugger wants, building takes an eighth less time.
# usage: go_build ARGUMENT...      as of go build
go_build() {
  go build -trimpath -gcflags=all=-dwarf=false "$@"
}

# Until the script ends nothing else fills the cache: what is unfinished there was left by a killed run.
lock_cache() {
  mkdir -p "$CACHE"
  exec 9> "$CACHE/lock"
  flock 9
  rm -rf "$CACHE"/*.unfinished-*
}

# A result is a folder that appears at once and complete: it is made under another name, then renamed.
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

# A short name for what a result was made of: the files and folders that are given, and the words after --.
# usage: fingerprint PATH... [-- WORD...]
fingerprint() {
  local paths=()
  while [ $# -gt 0 ] && [ "$1" != -- ]; do paths+=("$1"); shift; done
  { find "${paths[@]}" -type f ! -name '*.pyc' -print0 | LC_ALL=C sort -z | xargs -0r sha256sum | sed "s#  $PROJECT/#  #"
    printf '%s\n' "$@"; } | sha256sum | cut -c1-16
}

# Older results of the same kind are of no use any more.
# usage: keep_only RESULT PATTERN
keep_only() {
  local result=$1 each
  for each in $2; do
    case $each in "$result" | *'*'*) ;; *) rm -rf "$each" ;; esac
  done
}
