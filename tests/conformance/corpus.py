"""The example documents and what their manifest says of them."""

import csv
import os
import re
from dataclasses import dataclass
from pathlib import Path

from shared.einvoice.rules import BR_FR, CEN, PEPPOL, PEPPOL_SELF_BILLING

CORPUS = Path(
    os.environ.get("FACTEUR_CORPUS", Path(__file__).parents[2].parent / "shared" / "corpus")
)
_SETS = {"cen-ubl": CEN, "peppol-ubl": PEPPOL, "peppol-sb": PEPPOL_SELF_BILLING, "fr-ubl": BR_FR}


@dataclass(frozen=True)
class Example:
    """A UBL document and the fatal findings and warnings of each rule set."""

    file: str
    counts: dict[str, tuple[int, int]]

    def read(self) -> bytes:
        """Its bytes."""
        return (CORPUS / self.file).read_bytes()


def ubl_examples() -> list[Example]:
    """Every UBL document of the manifest; empty where there is no corpus."""
    if not (CORPUS / "MANIFEST.csv").exists():
        return []
    with (CORPUS / "MANIFEST.csv").open(encoding="utf-8") as manifest:
        rows = list(csv.DictReader(manifest))
    examples = []
    for row in rows:
        found = re.findall(
            r"([\w-]+) (\d+)/(\d+)", row["official findings: rule set fatal/warning"]
        )
        counts = {
            _SETS[name]: (int(fatal), int(warning))
            for name, fatal, warning in found
            if name in _SETS
        }
        if counts:
            examples.append(Example(row["file"], counts))
    return examples
