"""Every panel of every dashboard has something to show: the demo runs, a real Prometheus scrapes it,
and each query is asked, with everything chosen, until it answers with the labels that its panel names.

  panels.py [PROMETHEUS]     with a URL, that Prometheus is asked and nothing is started
"""

import contextlib
import json
import re
import sys
import time
import tomllib

from stage import ROOT, STEP_SECONDS, ask, stage

DEADLINE_SECONDS = 600


def filled(expr, since):
    expr = expr.replace("$__rate_interval", "1m").replace("$__range", f"{since}s")
    return re.sub(r"\$(server|datname|module|application|integration|queryid)\b", ".*", expr)


def wanted(panel, target):
    """The labels that a panel shows of a query's answer."""
    if panel["type"] == "table":
        columns = panel["transformations"][-1]["options"]["renameByName"]
        return {name for name in columns if not name.startswith("Value")}
    return set(re.findall(r"\{\{\s*(\w+)\s*\}\}", target["legendFormat"]))


def questions():
    for file in sorted((ROOT / "dashboards").glob("*.json")):
        dashboard = json.loads(file.read_text())
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                yield file.stem, panel, target


def empty(name, panel, target, rightly):
    """Whether a reason is given why a query may answer nothing."""
    return any(
        one["dashboard"] == name and one["panel"] == panel["title"] and one.get("query", target["refId"]) == target["refId"]
        for one in rightly
    )


def main():
    rightly = tomllib.loads((ROOT / "tests/e2e/panels.toml").read_text())["empty"]
    known = {(name, panel["title"]) for name, panel, _ in questions()}
    unknown = [one for one in rightly if (one["dashboard"], one["panel"]) not in known]
    if unknown:
        sys.exit(f"panels.py: panels.toml speaks of panels that are not there: {unknown}")
    with contextlib.ExitStack() as stack:
        if len(sys.argv) > 1:
            prometheus, check = sys.argv[1], lambda: None
        else:
            prometheus, check = stack.enter_context(stage())
        began, left, unlabelled = time.monotonic(), list(questions()), []
        while True:
            since = int(time.monotonic() - began) + 120
            still, unlabelled = [], []
            for name, panel, target in left:
                answer = ask(prometheus, filled(target["expr"], since))
                labels = set().union(*(row["metric"] for row in answer)) if answer else set()
                missing = wanted(panel, target) - labels
                # A join of two queries shows a column of either.
                others = panel["type"] == "table" and target["refId"] != "A"
                if not answer:
                    still.append((name, panel, target))
                elif missing and not others:
                    unlabelled.append(f"{name}: {panel['title']}: no label {', '.join(sorted(missing))}")
            left = still
            needed = [one for one in left if not empty(*one, rightly)]
            if not needed or time.monotonic() - began > DEADLINE_SECONDS:
                break
            check()
            time.sleep(STEP_SECONDS)
        total = sum(1 for _ in questions())
        print(f"{total - len(left)} of {total} queries answer, {len(left) - len(needed)} are rightly empty, "
              f"after {time.monotonic() - began:.0f} s")
        for name, panel, target in needed:
            print(f"nothing: {name}: {panel['title']} ({target['refId']}): {target['expr']}")
        for line in unlabelled:
            print(line)
        sys.exit(1 if needed or unlabelled else 0)


main()
