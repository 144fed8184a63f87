"""What the end-to-end tests stand on: the demo, and real Prometheus servers."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What is tested: the release's program, unless ERPSCOPE names another.
PROGRAM = pathlib.Path(os.environ.get("ERPSCOPE", "target/release/erpscope"))
PROGRAM = PROGRAM if PROGRAM.is_absolute() else ROOT / PROGRAM
STEP_SECONDS = 5


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def running(*command, log):
    process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


@contextlib.contextmanager
def prometheus(config, log, *flags, folder=None):
    """A Prometheus with this config, which may name files of a folder; gives its URL and its process."""
    port = free_port()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(folder or stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "prometheus.yml").write_text(config)
        command = ("prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                   f"--web.listen-address=127.0.0.1:{port}", *flags)
        with running(*command, log=log) as process:
            yield f"http://127.0.0.1:{port}", process


def scraping(agent, more=""):
    """A config that scrapes an agent often."""
    return f"""global:
  scrape_interval: {STEP_SECONDS}s
scrape_configs:
  - job_name: erpscope
    static_configs:
      - targets: ["127.0.0.1:{agent}"]
{more}"""


@contextlib.contextmanager
def demo(agent, log, *flags):
    """The demo, its agent at this port; gives its process."""
    with running(PROGRAM, "demo", "--listen", f"127.0.0.1:{agent}", *flags, log=log) as process:
        yield process


@contextlib.contextmanager
def stage(more=""):
    """The demo and a Prometheus that scrapes it; gives its URL, and what ends us if one of them has ended."""
    agent = free_port()
    with tempfile.NamedTemporaryFile("w+") as log, demo(agent, log) as shown, \
            prometheus(scraping(agent, more), log) as (url, server):
        yield url, lambda: fail_if_ended((shown, server), log)


def fail_if_ended(processes, log):
    for process in processes:
        if process.poll() is not None:
            log.seek(0)
            sys.exit(f"{process.args[0]} has ended:\n{log.read()[-4000:]}")


def get(url, **parameters):
    """What an API of Prometheus answers; nothing while it cannot be asked."""
    asked = f"{url}?{urllib.parse.urlencode(parameters)}"
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as error:
        if error.code == 503:  # It is starting.
            return {}
        sys.exit(f"{parameters or url}\n{error.read().decode()}")
    except OSError:
        return {}


def ask(prometheus, query):
    return get(f"{prometheus}/api/v1/query", query=query).get("result", [])
