"""Fetch the newest Peppol and EN 16931 rule sets with Maven, into the rules directory."""

import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from shared.einvoice.rules.catalogue import describe, rules_directory

VERSION = "4.3.7"
_DEPENDENCY = """<dependency><groupId>com.helger.phive.rules</groupId><artifactId>{artifact}</artifactId>
<version>{version}</version><exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion>
</exclusions></dependency>"""
_POM = """<project><modelVersion>4.0.0</modelVersion><groupId>facteur</groupId><artifactId>rules</artifactId>
<version>1</version><dependencies>{dependencies}</dependencies></project>"""


class JarsNotFetched(RuntimeError):
    """The jars with the rule sets could not be had from Maven."""


def fetch_rule_jars(directory: Path | None = None) -> list[Path]:
    """The jars, fetched unless they are there; JarsNotFetched says what Maven said. Takes 10 to 60 s."""
    folder = directory or rules_directory()
    jars = [
        folder / f"{artifact}-{VERSION}.jar"
        for artifact in ("phive-rules-peppol", "phive-rules-en16931")
    ]
    if all(jar.exists() for jar in jars):
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise JarsNotFetched(
            "Maven (mvn) is not installed: install it, or copy the jars into FACTEUR_RULES_DIR"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        _copy_dependencies(maven, Path(work))
        for jar in jars:
            fetched = Path(work) / "libs" / jar.name
            if not fetched.exists():
                raise JarsNotFetched(f"Maven did not bring {jar.name}")
            fetched.replace(jar)
    return jars


def _copy_dependencies(maven: str, work: Path) -> None:
    artifacts = ("phive-rules-peppol", "phive-rules-en16931")
    dependencies = "".join(
        _DEPENDENCY.format(artifact=artifact, version=VERSION) for artifact in artifacts
    )
    (work / "pom.xml").write_text(_POM.format(dependencies=dependencies))
    command = [maven, "-B", "-q", "dependency:copy-dependencies", "-DoutputDirectory=libs"]
    ran = subprocess.run(
        command, cwd=work, capture_output=True, text=True, timeout=300, check=False
    )
    if ran.returncode:
        raise JarsNotFetched(f"Maven failed: {(ran.stdout + ran.stderr).strip()[-2000:]}")


if __name__ == "__main__":
    fetch_rule_jars()
    sys.stdout.write(describe(datetime.now(UTC).date()) + "\n")
