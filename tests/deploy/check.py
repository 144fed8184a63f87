"""What is in deploy/ and cannot be run without a cluster or an engine, held against its own tools."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib

import helm_python
import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
TOOLS = pathlib.Path(sys.executable).parent
KUBERNETES = "1.25", "1.33"
# Kinds of the Prometheus operator have schemas of their own, which are not Kubernetes'.
OPERATOR = "PodMonitor", "PrometheusRule", "ServiceMonitor"

EVERYTHING = {
    "servers": [
        {"name": "erp", "host": "db", "port": 5433, "erp": "odoo", "sslmode": "require"},
        {"name": "second", "host": "db2", "password_file": "/etc/erpscope/secret/password"},
    ],
    "config": '[history]\nkeep = "30d"\n[otlp]\nhttp = "0.0.0.0:4318"\n[[integration]]\nname = "webshop"\ndirection = "inbound"\nroles = ["shop"]\n',
    "service": {"extraPorts": [{"name": "otlp-http", "port": 4318}]},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "runbooks": "https://wiki.example.com/erp/"},
    "dashboards": {"enabled": True},
    "podAnnotations": {"team": "erp"},
    "tolerations": [{"key": "erp", "operator": "Exists"}],
    "imagePullSecrets": [{"name": "registry"}],
}
REFUSED = [
    {"servers": []},
    {"servers": [{"name": "erp", "host": "db", "password": "secret"}]},
    {"history": {"enabled": "yes"}},
    {"service": {"extraPorts": [{"port": 4318}]}},
    {"prometheusRule": {"runbooks": "the wiki"}},
    {"typo": 1},
]


def run(*command):
    print("$", *command)
    subprocess.run([str(word) for word in command], check=True)


def config_is_good(text):
    tomllib.loads(text)
    binary = next((p for p in (ROOT / "target" / kind / "erpscope" for kind in ("release", "debug")) if p.exists()), None)
    if binary is None:
        sys.exit("check.py: build erpscope first: cargo build")
    with tempfile.TemporaryDirectory() as folder:
        # The password's file is on the other machine.
        secret = pathlib.Path(folder) / "password"
        secret.write_text("x")
        secret.chmod(0o600)
        lines = [f'password_file = "{secret}"' if line.startswith("password_file") else line for line in text.splitlines()]
        file = pathlib.Path(folder) / "erpscope.toml"
        file.write_text("\n".join(lines))
        run(binary, "run", "--check-config", "--config", file)


def manifests_are_good(text):
    objects = [one for one in yaml.safe_load_all(text) if one]
    for one in objects:
        if one["kind"] in OPERATOR:
            assert one["apiVersion"] == "monitoring.coreos.com/v1" and one["spec"], one
        else:
            for version in KUBERNETES:
                kubernetes_validate.validate(one, version, strict=True)
        if one["kind"] == "ConfigMap" and "erpscope.toml" in one["data"]:
            config_is_good(one["data"]["erpscope.toml"])
    return objects


def chart():
    folder = tempfile.TemporaryDirectory()
    # With the rules and dashboards in place of the links to them, as it is packaged.
    copied = pathlib.Path(folder.name) / "erpscope"
    shutil.copytree(DEPLOY / "helm/erpscope", copied)
    told = helm_python.lint(str(copied))
    assert not told["errors"] and all(m["severity"] < 2 for m in told["messages"]), told
    with helm_python.Chart.load(str(copied)) as loaded:
        few = manifests_are_good(joined(loaded.render(values={}, name="erp")))
        many = manifests_are_good(joined(loaded.render(values=EVERYTHING, name="erp")))
        for values in REFUSED:
            try:
                loaded.validate_schema(loaded.merge_values(values))
            except helm_python.errors.HelmError:
                continue
            sys.exit(f"check.py: the chart takes {values}")
    kinds = [one["kind"] for one in many]
    rules = [one for one in many if one["kind"] == "PrometheusRule"]
    expected = len([p for p in (ROOT / "alerts").glob("*.yaml")])
    assert len(rules) == expected and all(one["spec"]["groups"] for one in rules), len(rules)
    service = next(one for one in many if one["kind"] == "Service")
    assert [port["port"] for port in service["spec"]["ports"]] == [10187, 4318], service
    runbooks = [rule["annotations"]["runbook_url"] for rule in alerts(rules)]
    assert runbooks and all(re.fullmatch(r"https://wiki\.example\.com/erp/\w+\.md", url) for url in runbooks), runbooks
    dashboards = len(list((ROOT / "dashboards").glob("*.json")))
    assert kinds.count("ConfigMap") == 1 + dashboards, kinds
    assert [one["kind"] for one in few].count("ConfigMap") == 1
    print(f"helm: {len(few)} objects by default, {len(many)} with everything")


def alerts(rules):
    groups = (group for one in rules for group in one["spec"]["groups"])
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def joined(rendered):
    texts = rendered.values() if isinstance(rendered, dict) else [rendered]
    return "\n---\n".join(text for text in texts if "apiVersion" in text)


def docker():
    run(TOOLS / "hadolint", DEPLOY / "docker/Dockerfile")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("postgres_password", "erpscope_password"):
            (pathlib.Path(folder) / name).write_text("x")
        run(TOOLS / "docker-compose", "-f", DEPLOY / "docker/compose.yaml", "config", "--quiet")
    composed = yaml.safe_load((DEPLOY / "docker/compose.yaml").read_text())
    for service in composed["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / "docker" / source).exists(), source
    config_is_good((DEPLOY / "docker/erpscope.toml").read_text())
    run("promtool", "check", "config", "--syntax-only", DEPLOY / "docker/prometheus.yml")


def systemd():
    unit = DEPLOY / "systemd/erpscope.service"
    with tempfile.TemporaryDirectory() as folder:
        # The program is not installed here.
        there = pathlib.Path(folder) / unit.name
        there.write_text(unit.read_text().replace("/usr/bin/erpscope", "/bin/true"))
        run("systemd-analyze", "verify", there)
        run("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", there)


for check in (chart, docker, systemd, lambda: manifests_are_good((DEPLOY / "kubernetes/sidecar.yaml").read_text())):
    check()
print("deploy/: good")
