"""Past one Prometheus: what is written on to another one by remote write, and what another one takes by
federation, is all there. Both configs are those of deploy/, with other addresses."""

import sys
import tempfile
import time

from stage import ROOT, ask, prometheus, stage

DEADLINE_SECONDS = 180
# Of these families, all series of the first Prometheus are wanted in the others.
SERIES = "erpscope_up", "erpscope_lock_wait_oldest_seconds", "erpscope_statement_calls_total", "process_resident_memory_bytes"


def config(name, old, new):
    text = (ROOT / "deploy" / name).read_text()
    if old not in text:
        sys.exit(f"scale.py: deploy/{name} does not name {old}")
    return text.replace(old, new)


def main():
    with tempfile.NamedTemporaryFile("w+") as log, \
            prometheus("", log, "--web.enable-remote-write-receiver") as (receiver, _):
        lines = config("prometheus-remote-write.yml", "https://mimir.example.com/api/v1/push", f"{receiver}/api/v1/write")
        lines = "\n".join(line for line in lines.splitlines() if "basic_auth" not in line and "username" not in line
                          and "password_file" not in line)
        with stage(lines) as (first, check):
            federating = config("prometheus-federate.yml", "prometheus-erp:9090", first.removeprefix("http://"))
            federating = federating.replace("60s", "5s")
            with prometheus(federating, log) as (second, _):
                compare(first, {"remote write": receiver, "federation": second}, check)


def compare(first, others, check):
    began = time.monotonic()
    while True:
        wanted = {name: len(ask(first, name)) for name in SERIES}
        found = {other: {name: len(ask(url, name)) for name in SERIES} for other, url in others.items()}
        if sum(wanted.values()) > 30 and all(there == wanted for there in found.values()):
            print(f"remote write and federation bring all of {sum(wanted.values())} series, after {time.monotonic() - began:.0f} s")
            return
        if time.monotonic() - began > DEADLINE_SECONDS:
            sys.exit(f"scale.py: there are {wanted}, elsewhere {found}")
        check()
        time.sleep(2)


main()
