"""What README says under "On a real server", done as it stands there: each of its commands is run, in its order, on a
PostgreSQL that is there already, and Prometheus scrapes and judges what the agent tells."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from stage import PROGRAM, ROOT, ask, fail_if_ended, free_port, get, prometheus, running

SECTION = "## On a real server"
DEADLINE_SECONDS = 120
PASSWORD = "only for this test"
AGENT = "127.0.0.1:10187"


def blocks():
    """The indented blocks of the section, each a text."""
    section = (ROOT / "README.md").read_text().split(SECTION, 1)[1].split("\n## ", 1)[0]
    found, block = [], []
    for line in [*section.splitlines(), "end"]:
        if line.startswith("       ") or (block and not line.strip()):
            block.append(line[7:])
        elif block:
            found.append("\n".join(block).strip())
            block = []
    return found


def binaries():
    """Where PostgreSQL's programs are."""
    asked = subprocess.run(("pg_config", "--bindir"), capture_output=True, text=True)
    folders = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
    return pathlib.Path(asked.stdout.strip()) if asked.returncode == 0 and not folders else folders[-1]


class Server:
    """A PostgreSQL that was there before anybody thought of erpscope, with TLS as verify-full wants it."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.bin = binaries()
        # PostgreSQL refuses to run as root.
        self.user = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()
        if self.user:
            shutil.chown(folder, "postgres")

    def run(self, *words):
        done = subprocess.run([*self.user, *map(str, words)], capture_output=True, text=True, cwd=self.folder)
        if done.returncode != 0:
            sys.exit(f"readme.py: {' '.join(map(str, words))}\n{done.stdout}{done.stderr}")

    def __enter__(self):
        data = self.folder / "data"
        self.run(self.bin / "initdb", "-D", data, "-A", "trust", "-U", "postgres")
        self.run("openssl", "req", "-new", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                 "subjectAltName=DNS:localhost", "-keyout", data / "server.key", "-out", data / "server.crt")
        settings = {"port": self.port, "listen_addresses": "localhost", "unix_socket_directories": self.folder, "ssl": "on",
                    "shared_preload_libraries": "pg_stat_statements"}
        with (data / "postgresql.conf").open("a") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        # The administrator comes over the socket; the agent needs its password.
        (data / "pg_hba.conf").write_text("local all all trust\nhostssl all all localhost scram-sha-256\n")
        self.run(self.bin / "pg_ctl", "-D", data, "-l", self.folder / "log", "-w", "start")
        return self

    def __exit__(self, *_):
        self.run(self.bin / "pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")


class Walk:
    """One who follows the README."""

    def __init__(self, server, folder):
        self.server, self.folder, self.ran = server, folder, []
        path = f"{PROGRAM.parent}:{server.bin}:{os.environ['PATH']}"
        self.env = {**os.environ, "PATH": path, "PGHOST": str(server.folder), "PGPORT": str(server.port), "PGUSER": "postgres"}
        # `setup` asks the server which version it is; `check` and `run` read erpscope.toml.
        self.env.pop("ERPSCOPE_CONFIG", None)

    def run(self, command, typed=""):
        """Runs a line as it stands; without a terminal, psql takes a password from what is typed."""
        done = subprocess.run(command, shell=True, executable="/bin/bash", cwd=self.folder, env=self.env, input=typed,
                              capture_output=True, text=True, start_new_session=True)
        print(f"$ {command}\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
        if done.returncode != 0:
            sys.exit(f"readme.py: exit status {done.returncode}")
        self.ran.append(command)

    def write_config(self, text):
        """The README's config, with the names of this machine."""
        password = self.folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o600)
        crt = self.server.folder / "data/server.crt"
        ours = self.folder / "server.crt"
        shutil.copy(crt, ours)
        for old, new in {"db.example.com": "localhost", "/etc/erpscope/password": str(password)}.items():
            if old not in text:
                sys.exit(f"readme.py: the config of the README does not name {old}")
            text = text.replace(old, new)
        (self.folder / "erpscope.toml").write_text(f'{text}\nport = {self.server.port}\nsslrootcert = "{ours}"\n')


def wait(question, answered, check):
    began = time.monotonic()
    while not (answer := answered()):
        if time.monotonic() - began > DEADLINE_SECONDS:
            sys.exit(f"readme.py: {question}: not within {DEADLINE_SECONDS} s")
        check()
        time.sleep(1)
    return answer


def main():
    began = time.monotonic()
    setup, config, programs = blocks()
    check, run = programs.splitlines()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as home, \
            Server(pathlib.Path(folder)) as server, tempfile.NamedTemporaryFile("w+") as log:
        walk = Walk(server, pathlib.Path(home))
        for command in setup.splitlines():
            walk.run(command, f"{PASSWORD}\n{PASSWORD}\n" if "password" in command else "")
        walk.write_config(config)
        walk.run(check)
        with running("env", "-C", home, f"PATH={walk.env['PATH']}", *run.split(), log=log) as agent:
            beside = walk.folder / "prometheus"
            beside.mkdir()
            (beside / "alerts").symlink_to(ROOT / "alerts")
            text = (ROOT / "deploy/prometheus.yml").read_text().replace("15s", "5s")
            if AGENT not in text:
                sys.exit(f"readme.py: deploy/prometheus.yml does not scrape {AGENT}")
            with prometheus(text, log, folder=beside) as (url, scraper):
                def running_still():
                    fail_if_ended((agent, scraper), log)

                wait("erpscope_up", lambda: [s for s in ask(url, "erpscope_up") if s["value"][1] == "1"], running_still)
                groups = wait("rules", lambda: get(f"{url}/api/v1/rules").get("groups"), running_still)
                broken = [rule["name"] for group in groups for rule in group["rules"] if rule.get("lastError")]
                if broken:
                    sys.exit(f"readme.py: rules that fail: {broken}")
                series = ask(url, 'count({__name__=~"erpscope_.*"})')[0]["value"][1]
    print(f"README: {len(walk.ran) + 1} commands in {time.monotonic() - began:.0f} s; {series} series of a server that did not know "
          f"erpscope before; {sum(len(group['rules']) for group in groups)} rules evaluated")


main()
