"""Lets the demo run for a while before a real Prometheus, then draws every dashboard into docs/dashboards/."""

import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from stage import ROOT, stage  # noqa: E402

MINUTES = 8


def main():
    folder = ROOT / "docs/dashboards"
    folder.mkdir(exist_ok=True)
    with stage() as (prometheus, check):
        for _ in range(MINUTES * 60):
            check()
            time.sleep(1)
        command = ["node", ROOT / "tests/render/render.mjs", prometheus, folder, f"--from=now-{MINUTES}m"]
        subprocess.run(command, check=True)
    pictures = sorted(folder.glob("*.png"))
    subprocess.run(["pngquant", "--force", "--ext", ".png", "--skip-if-larger", *pictures], check=False)
    print(f"{len(pictures)} pictures in {folder}")


main()
