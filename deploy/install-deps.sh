#!/usr/bin/env bash
# Installs what is missing on this machine, and nothing else.
#   install-deps.sh run     for `make demo`: a PostgreSQL server with contrib, HypoPG, a C linker
#   install-deps.sh test    for `make test`: that, and Prometheus for its promtool
#   install-deps.sh matrix  for `make test-matrix`: that, and npm, which carries other PostgreSQLs
#   install-deps.sh bench   for `make bench`: as for run, and postgres_exporter to compare with
set -euo pipefail

purpose=${1:-run}

have() { command -v "$1" >/dev/null 2>&1; }

# The newest installed server's folder, or nothing.
server_bin() {
  local folder
  for folder in $(have pg_config && pg_config --bindir) $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV); do
    if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then echo "$folder"; return; fi
  done
}

missing=()
server=$(server_bin)
have cc || missing+=(cc)
[ -n "$server" ] || missing+=(postgresql)
case $purpose in
  run) ;;
  test) have promtool || missing+=(promtool) ;;
  matrix) have promtool || missing+=(promtool); have npm || missing+=(npm) ;;
  bench) have prometheus-postgres-exporter || missing+=(postgres_exporter); have wrk || missing+=(wrk) ;;
  *) echo "install-deps.sh: '$purpose' is not one of run, test, matrix, bench" >&2; exit 2 ;;
esac

hypopg_there() { [ -z "$server" ] || [ -e "$("$server/pg_config" --sharedir 2>/dev/null)/extension/hypopg.control" ]; }

if [ ${#missing[@]} -eq 0 ] && hypopg_there; then exit 0; fi

if ! have apt-get; then
  [ ${#missing[@]} -eq 0 ] && exit 0 # HypoPG is optional
  echo "install-deps.sh: missing here: ${missing[*]}" >&2
  echo "This script installs on Debian and Ubuntu only. Elsewhere install:" >&2
  echo "  Fedora: dnf install gcc postgresql-server postgresql-contrib golang-github-prometheus nodejs-npm wrk" >&2
  echo "  Arch:   pacman -S gcc postgresql prometheus npm wrk" >&2
  echo "  Alpine: apk add build-base postgresql postgresql-contrib prometheus npm wrk" >&2
  echo "  macOS:  brew install postgresql prometheus node wrk" >&2
  exit 1
fi

if [ "$(id -u)" -eq 0 ]; then as_root=(env)
elif have sudo; then as_root=(sudo)
else
  echo "install-deps.sh: missing here: ${missing[*]:-hypopg}; needs root to install it: run '$0 $purpose' as root once" >&2
  [ ${#missing[@]} -eq 0 ] && exit 0
  exit 1
fi

apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >&2; }

# Debian starts every server that it installs. Here servers are only started by demo and tests.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap '"${as_root[@]}" rm -f $policy' EXIT
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
  "${as_root[@]}" chmod 755 $policy
fi

echo "installing: ${missing[*]:-} hypopg (if packaged)" >&2
apt update
packages=()
for name in "${missing[@]}"; do
  case $name in
    cc) packages+=(gcc libc6-dev) ;;
    postgresql) packages+=(postgresql postgresql-contrib) ;;
    promtool) packages+=(prometheus) ;;
    npm) packages+=(npm nodejs) ;;
    postgres_exporter) packages+=(prometheus-postgres-exporter) ;;
    *) packages+=("$name") ;;
  esac
done
[ ${#packages[@]} -eq 0 ] || apt install --no-install-recommends -y "${packages[@]}"

server=$(server_bin)
version=$(basename "$(dirname "$server")")
if ! hypopg_there; then
  apt install --no-install-recommends -y "postgresql-$version-hypopg" || echo "HypoPG is not packaged for PostgreSQL $version: going on without" >&2
fi
