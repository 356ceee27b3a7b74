"""What is installed is what is in the repository: code, and every file that it reads."""

import subprocess
import sys
import zipfile
from pathlib import Path

from deploy.local.paths import CHECKOUT

NOT_INSTALLED = ("deploy/docker/", "deploy/grafana/", "deploy/prometheus/")


def test_every_file_of_the_packages_is_in_the_wheel(tmp_path: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "services", "shared", "deploy"],  # noqa: S607
        cwd=CHECKOUT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    command = [sys.executable, "-m", "uv", "build", "--wheel", "-o", str(tmp_path), str(CHECKOUT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-2000:]
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        inside = set(wheel.namelist())
    missing = [f for f in listed if f not in inside and not f.startswith(NOT_INSTALLED)]
    assert missing == []
