"""A planted lock contention wakes somebody, and its end is told: the demo runs, a real Prometheus scrapes it and
evaluates alerts/, a real Alertmanager with deploy/alertmanager.yml tells a webhook. And every metric that a rule
asks for is there.
"""

import contextlib
import http.server
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from stage import ROOT, STEP_SECONDS, ask, demo, fail_if_ended, free_port, get, prometheus, running

# As a profile names who holds the lock; nothing else of the demo is called so.
BLOCKER = "pgadmin"
VICTIMS = 6
# What the page should take, printed beside what it took; a busy machine may take longer.
PAGED_WITHIN, RESOLVED_WITHIN = 60, 90
DEADLINE_SECONDS = 300

# What rules ask for and the demo rightly does not have.
ABSENT = {
    "erpscope_serialization_failures_total": "the demo's server writes no csvlog or jsonlog for the agent to follow",
    "erpscope_lock_failures_total": "the same",
    "erpscope_log_truncated_total": "the same",
    "erpscope_otlp_forward_dropped_spans_total": "the demo passes no spans on",
    "erpscope_connection_failure": "there only while a server cannot be reached",
    "erpscope_database_connections_max": "no database of the demo has a limit of its own",
    "erpscope_probe_certificate_expires_timestamp_seconds": "the demo's provider speaks plain HTTP",
    "erpscope_sequence_used_ratio_per_day": "there once the agent has looked for an hour",
    "erpscope_module_growth_bytes_per_day": "the same",
    "erpscope_integer_key_used_ratio": "each integer key of the demo has a sequence",
    "erpscope_standby_lag_seconds": "the demo has no standby",
    "erpscope_standby_receiving": "the same",
    "erpscope_standby_replay_paused": "the same",
    "erpscope_replication_replay_lag_seconds": "the same",
    "erpscope_replication_standbys": "the same",
    "erpscope_replication_streaming": "the same",
    "erpscope_replication_slot_active": "the demo has no replication slot",
    "erpscope_replication_slot_lost": "the same",
    "erpscope_replication_slot_retained_bytes": "the same",
    "erpscope_replication_slot_safe_bytes": "the same",
    "erpscope_broker_up": "the demo has no RabbitMQ",
    "erpscope_broker_failures_total": "the same",
    "erpscope_broker_queue_consumers": "the same",
    "erpscope_broker_queue_done_total": "the same",
    "erpscope_broker_queue_ready": "the same",
    "erpscope_broker_queue_unacked": "the same",
}


def fail(text):
    sys.exit(f"FAILED: {text}")


def program(*names):
    for name in names:
        if shutil.which(name):
            return name
    fail(f"none of {', '.join(names)} is installed: deploy/install-deps.sh test")


def until(what, wanted, check):
    """Waits until `wanted` gives something; `check` may end us before."""
    end = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < end:
        if found := wanted():
            return found
        check()
        time.sleep(0.5)
    fail(f"not within {DEADLINE_SECONDS} s: {what}")


class Webhook(http.server.ThreadingHTTPServer):
    """Keeps what Alertmanager posts, with the moment and the receiver."""

    def __init__(self):
        self.posts = []
        posts = self.posts

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                posts.append((time.monotonic(), self.path.strip("/"), body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def told(self, receiver, status, application):
        """Alerts on this root application that a receiver was told of, with the moment."""
        for moment, path, body in list(self.posts):
            for alert in body["alerts"] if path == receiver else []:
                labels = alert["labels"]
                if alert["status"] == status and labels.get("root_application") == application:
                    yield moment, labels, alert["annotations"]


def configs(folder, agent, alertmanager, webhook):
    """The shipped files, with addresses of here, and sooner looks; gives Prometheus' config."""
    shutil.copytree(ROOT / "alerts", folder / "alerts", ignore=shutil.ignore_patterns("tests"))
    receivers = (ROOT / "deploy/alertmanager.yml").read_text()
    # Each receiver posts to a path with its name.
    receivers = re.sub(
        r"(- name: (\w+)\n    webhook_configs:\n      - url: )\S+",
        rf"\g<1>http://127.0.0.1:{webhook.server_port}/\g<2>",
        receivers,
    )
    (folder / "secret").write_text("of nobody")
    receivers = re.sub(r"credentials_file: \S+", f"credentials_file: {folder}/secret", receivers)
    (folder / "alertmanager.yml").write_text(receivers)
    config = (ROOT / "deploy/prometheus.yml").read_text().replace("interval: 15s", f"interval: {STEP_SECONDS}s")
    return config.replace("127.0.0.1:10187", f"127.0.0.1:{agent}").replace("127.0.0.1:9093", alertmanager)


class Sessions:
    """psql sessions of the contention; whatever happens, they end."""

    def __init__(self, url, log):
        self.url, self.log, self.open = url, log, []

    def run(self, application_name, sql):
        url = f"{self.url}{'&' if '?' in self.url else '?'}application_name={application_name}"
        session = subprocess.Popen(["psql", "-Xq", "-d", url], stdin=subprocess.PIPE, stdout=self.log, stderr=self.log)
        session.stdin.write(f"{sql}\n".encode())
        session.stdin.flush()
        self.open.append(session)

    def end(self):
        for session in self.open:
            session.stdin.close()
        for session in self.open:
            session.wait(60)
        self.open = []


def names_in_rules(url):
    """Metrics of the agent that the loaded rules ask for, with a rule that does."""
    names = {}
    for group in get(f"{url}/api/v1/rules")["groups"]:
        for rule in group["rules"]:
            if rule["health"] == "err":
                fail(f"{rule['name']}: {rule['lastError']}")
            texts = [rule["query"], *rule.get("annotations", {}).values()]
            for name in re.findall(r"\b(?:erpscope|process)_\w+|\bup\b", " ".join(texts)):
                names.setdefault(name, rule["name"])
    return names


def check_metrics(url):
    wanted = names_in_rules(url)
    if len(wanted) < 40:
        fail(f"only {len(wanted)} metrics in the rules: are they loaded?")

    def names():
        return set(get(f"{url}/api/v1/label/__name__/values", start=time.time() - 3600, end=time.time()))

    end = time.monotonic() + DEADLINE_SECONDS
    while (lacking := set(wanted) - set(ABSENT) - names()) and time.monotonic() < end:
        time.sleep(STEP_SECONDS)
    if lacking:
        fail("no series of " + ", ".join(f"{name} ({wanted[name]})" for name in sorted(lacking)))
    for name in sorted(set(ABSENT) - set(wanted)):
        fail(f"{name} is in the list of absent ones, and no rule asks for it")
    for name in sorted(set(ABSENT) & names()):
        fail(f"{name} is in the list of absent ones, and is there")
    print(f"{len(wanted)} metrics in the rules; {len(wanted) - len(ABSENT)} are there, absent are:")
    for name, reason in ABSENT.items():
        print(f"  {name}: {reason}")


def contend(webhook, erp, check, log):
    """One session keeps others waiting and does nothing. Gives the seconds to the page and to its end."""
    sessions = Sessions(erp, log)
    hot = "update account_account set name = name where id = 1"
    try:
        sessions.run("pgAdmin", f"begin; {hot};")
        time.sleep(1)
        for _ in range(VICTIMS):
            sessions.run("distro-accounting", f"{hot};")
        began = time.monotonic()
        moment, labels, told = until(
            "the page of the planted contention",
            lambda: next(webhook.told("pager", "firing", BLOCKER), None),
            check,
        )
        paged = moment - began
        print(f"paged after {paged:.0f} s (should be {PAGED_WITHIN}) by {labels['alertname']}: {told['summary']}")
    finally:
        sessions.end()
    ended = time.monotonic()
    moment, labels, _ = until(
        "the end of that page",
        lambda: next(webhook.told("pager", "resolved", BLOCKER), None),
        check,
    )
    resolved = moment - ended
    print(f"resolved after {resolved:.0f} s (should be {RESOLVED_WITHIN})")
    return paged, resolved


def main():
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        log = stack.enter_context(open(folder / "log", "w+"))
        webhook = Webhook()
        agent, alertmanager = free_port(), f"127.0.0.1:{free_port()}"
        config = configs(folder, agent, alertmanager, webhook)
        shown = stack.enter_context(demo(agent, log, "--scale", "0.1"))
        telling = stack.enter_context(running(
            program("prometheus-alertmanager", "alertmanager"),
            f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/alertmanager",
            f"--web.listen-address={alertmanager}", "--cluster.listen-address=", log=log))
        url, server = stack.enter_context(prometheus(config, log, folder=folder))

        def check():
            fail_if_ended((shown, telling, server), log)

        said = until("the demo's ERP", lambda: re.search(r"the ERP:\s*(\S+)", (folder / "log").read_text()), check)
        until("the agent in Prometheus", lambda: ask(url, 'erpscope_up{job="erpscope"} == 1'), check)
        contend(webhook, said[1], check, log)
        check_metrics(url)
        print("alerts: all well")


if __name__ == "__main__":
    main()
