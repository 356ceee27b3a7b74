"""Run veraPDF on files; it is Java and knows nothing of Facteur."""

import shutil
import subprocess
from pathlib import Path

from tests.need import need

HERE = Path(__file__).parent
JARS = Path(__file__).parents[3] / ".cache" / "verapdf"


def verdicts(files: list[Path]) -> dict[Path, str]:
    """For each file `valid`, or `invalid …` or `unreadable …` with the judge's reasons; as PDF/A-3b."""
    java = shutil.which("java")
    need(java, "veraPDF needs Java")
    _fetch_jars()
    ran = subprocess.run(
        [str(java), "-Xshare:auto", "-cp", f"{JARS}/*", str(HERE / "Main.java"), *map(str, files)],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    lines = [line.split("\t", 1) for line in ran.stdout.splitlines() if "\t" in line]
    found = {Path(name): verdict for name, verdict in lines}
    assert found.keys() == set(files), ran.stderr
    return found


def _fetch_jars() -> None:
    if any(JARS.glob("validation-model-*.jar")):
        return
    maven = shutil.which("mvn")
    need(maven, "veraPDF needs Maven, once, to fetch its jars")
    command = [
        str(maven), "-B", "-q", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies",
        "-DincludeScope=runtime", f"-DoutputDirectory={JARS}",
    ]  # fmt: skip
    subprocess.run(command, check=True, timeout=300)
