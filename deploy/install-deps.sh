#!/usr/bin/env bash
# Installs what is missing on this machine, and nothing else.
#   install-deps.sh run     for `make demo`: a PostgreSQL server with contrib, HypoPG, a C linker
#   install-deps.sh test    for `make test` and `make e2e`: that, Prometheus and its promtool,
#                           Alertmanager and its amtool, curl, and Python with clients of the real
#                           world in target/python
#   install-deps.sh matrix  for `make test-matrix`: that, and npm, which carries other PostgreSQLs
#   install-deps.sh deploy  for `make lint-deploy`: as for run, promtool, systemd-analyze, and linters in target/deploy
#   install-deps.sh pictures  for `make pictures`: as for test, npm, Chromium, and Grafana's libraries
#   install-deps.sh bench   for `make bench`: as for run, and postgres_exporter and HAProxy to compare
#                           with
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
  test | matrix)
    have promtool || missing+=(promtool)
    have amtool || missing+=(amtool)
    have curl || missing+=(curl)
    have openssl || missing+=(openssl)
    # Debian has venv without the part of it that makes an environment.
    python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
    [ "$purpose" = test ] || have npm || missing+=(npm)
    ;;
  deploy)
    have promtool || missing+=(promtool)
    have systemd-analyze || missing+=(systemd)
    python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
    ;;
  pictures)
    have promtool || missing+=(promtool)
    have npm || missing+=(npm)
    have chromium || missing+=(chromium)
    have pngquant || missing+=(pngquant)
    ;;
  bench)
    have prometheus-postgres-exporter || missing+=(postgres_exporter)
    have wrk || missing+=(wrk)
    have haproxy || missing+=(haproxy)
    python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
    ;;
  *) echo "install-deps.sh: '$purpose' is not one of run, test, matrix, deploy, pictures, bench" >&2; exit 2 ;;
esac

# HypoPG is optional: wanted where there is a package of it for this server.
hypopg_package() {
  local version
  version=$(sed -n 's#^/usr/lib/postgresql/\([0-9]*\)/bin$#\1#p' <<<"$server")
  [ -n "$version" ] && [ ! -e "/usr/share/postgresql/$version/extension/hypopg.control" ] || return 0
  apt-cache show "postgresql-$version-hypopg" >/dev/null 2>&1 && echo "postgresql-$version-hypopg"
  return 0
}

# Python programs written by others, clients or linters, in an environment of their own.
install_clients() {
  local wanted there
  cd "$(dirname "$(realpath "$0")")/.."
  case $purpose in
    test | matrix) wanted=tests/python/requirements.txt there=target/python ;;
    deploy) wanted=tests/deploy/requirements.txt there=target/deploy ;;
    pictures) (cd tests/render && [ -d node_modules ] || npm ci --silent --legacy-peer-deps); return ;;
    *) return 0 ;;
  esac
  cmp -s $wanted $there/requirements.txt && return 0
  rm -rf $there
  python3 -m venv $there
  $there/bin/pip install --quiet --disable-pip-version-check -r $wanted
  cp $wanted $there/requirements.txt
}

if ! have apt-get; then
  [ ${#missing[@]} -eq 0 ] && { install_clients; exit 0; }
  echo "install-deps.sh: missing here: ${missing[*]}" >&2
  echo "This script installs on Debian and Ubuntu only. Elsewhere install:" >&2
  echo "  Fedora: dnf install gcc postgresql-server postgresql-contrib golang-github-prometheus golang-github-prometheus-alertmanager curl python3 nodejs-npm wrk haproxy" >&2
  echo "  Arch:   pacman -S gcc postgresql prometheus alertmanager curl python npm wrk haproxy" >&2
  echo "  Alpine: apk add build-base postgresql postgresql-contrib prometheus alertmanager curl python3 npm wrk haproxy" >&2
  echo "  macOS:  brew install postgresql prometheus alertmanager python node wrk haproxy" >&2
  exit 1
fi

hypopg=$(hypopg_package)
if [ ${#missing[@]} -eq 0 ] && [ -z "$hypopg" ]; then install_clients; exit 0; fi
echo "missing here: ${missing[*]:-} $hypopg" >&2

if [ "$(id -u)" -eq 0 ]; then as_root=(env)
elif have sudo && sudo true; then as_root=(sudo)
else
  echo "install-deps.sh: installing needs root; as root, run once: $(realpath "$0") $purpose" >&2
  [ ${#missing[@]} -eq 0 ] && { install_clients; exit 0; }
  exit 1
fi

# Waits for another apt, such as the upgrades of a machine that has just started.
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" >&2
}

# Debian starts every server that it installs, now and at each boot, and makes PostgreSQL a cluster.
# Here demo and tests alone start servers. The first two of what prevents it are undone at the end.
policy=/usr/sbin/policy-rc.d
clusters=/etc/postgresql-common/createcluster.conf
aside=
undo() {
  [ -z "$aside" ] || "${as_root[@]}" rm -f "$policy"
  [ ! -e "$clusters.erpscope" ] || "${as_root[@]}" mv "$clusters.erpscope" "$clusters"
}
trap undo EXIT
if [ ! -e $policy ]; then
  aside=yes
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
  "${as_root[@]}" chmod 755 $policy
fi

install() { apt install --no-install-recommends -y "$@"; }

# A service that comes with a program which is wanted alone.
install_idle() {
  install "$1"
  ! have systemctl || "${as_root[@]}" systemctl --quiet disable "$1" >&2
}

install_postgresql() {
  install postgresql-common
  "${as_root[@]}" cp -p $clusters $clusters.erpscope
  echo 'create_main_cluster = false' | "${as_root[@]}" tee -a $clusters >/dev/null
  install postgresql postgresql-contrib
}

apt update || echo "install-deps.sh: apt-get update failed; going on with the lists that are there" >&2
for name in "${missing[@]}"; do
  case $name in
    cc) install gcc libc6-dev ;;
    postgresql) install_postgresql ;;
    promtool) install_idle prometheus ;;
    amtool) install_idle prometheus-alertmanager ;;
    npm) install npm nodejs ;;
    postgres_exporter) install_idle prometheus-postgres-exporter ;;
    haproxy) install_idle haproxy ;;
    *) install "$name" ;;
  esac
done

server=$(server_bin)
hypopg=$(hypopg_package)
[ -z "$hypopg" ] || install "$hypopg" || echo "going on without HypoPG" >&2
install_clients
