"""What a rule found."""

from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Severity(StrEnum):
    """Fatal refuses the document; a warning doesn't."""

    FATAL = "fatal"
    WARNING = "warning"


class Explanation(BaseModel):
    """What is wrong and what to do, in the user's language."""

    model_config = ConfigDict(frozen=True)

    fr: str
    nl: str
    en: str

    def in_language(self, language: str) -> str:
        """The text in `fr`, `nl` or `en`; any other language gets English."""
        return {"fr": self.fr, "nl": self.nl}.get(language[:2].lower(), self.en)


class Finding(BaseModel):
    """One rule that a document breaks, at one place."""

    model_config = ConfigDict(frozen=True)

    rule: str = Field(description="the rule's official id, such as BR-CO-10")
    severity: Severity
    rule_set: str = Field(description="name and version of the rule set")
    location: str = Field(description="XPath of the element, with the usual prefixes of UBL")
    business_term: str | None = Field(None, description="the first BT or BG that the rule names")
    message: str = Field(description="the official text")
    explanation: Explanation


def refused(findings: Iterable[Finding]) -> bool:
    """Whether any finding is fatal."""
    return any(finding.severity is Severity.FATAL for finding in findings)
