#!/usr/bin/env bash
# Makes the rows of TPC-H at scale 1 as CSV files in the folder $1: about 1 GB, a minute.
set -euo pipefail

folder=${1:?where to}
[ ! -e "$folder/lineitem.csv" ] || exit 0
mkdir -p "$folder"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tpchgen-cli
"$folder/venv/bin/tpchgen-cli" csv -s 1 --output-dir="$folder/new"
mv "$folder"/new/*.csv "$folder"
