"""Refusals in the reader's language: by their slug, else in the owner's own words."""

import re
from typing import Any

from services.portal.web import words
from shared.problems import Problem

_FIELD_MESSAGES: tuple[tuple[str, str], ...] = (
    (r"SIREN or SIRET", "field.siren"),
    (r"Belgian enterprise number", "field.enterprise_number"),
    (r"VAT number of that country", "field.vat_number"),
    (r"is not a VAT category", "field.vat_category"),
    (r"must be a rate above 0|must be 0 in category", "field.vat_rate"),
    (r"IBAN", "field.iban"),
    (r"FR or BE", "field.country"),
    (r"must be filled in|Field required|at least 1 (character|item)", "field.required"),
    (r"needs the country and the registration", "field.participant_first"),
    (r"must be one of the schemes", "field.participant_scheme"),
    (r"own registration number", "field.participant_own"),
    (r"has this Peppol address", "field.participant_taken"),
    (r"scheme:value|participant", "field.participant"),
    (r"at least 12 characters", "field.password_short"),
    (r"same few characters", "field.password_poor"),
    (r"valid email address", "field.email"),
    (r"valid decimal|decimal places|finite number", "field.number"),
    (r"valid date", "field.date"),
    (r"must not be before", "field.period"),
    (r"at most \d+ (character|item)", "field.long"),
    (r"valid UUID", "field.choice"),
    (r"not a (profile|customer|series) of", "field.choice"),
    (r"port|less than or equal|greater than", "field.range"),
    (r"public key|host key|OpenSSH", "field.host_key"),
    (r"certificate|PEM", "field.certificate"),
    (r"is a user already", "field.known_user"),
    (r"accountant account", "field.accountant"),
    (r"name of another", "field.name_taken"),
    (r"at least one way", "problem.no-way"),
    (r"pattern", "field.pattern"),
)


def problem_text(language: str, problem: Problem) -> str:
    """What to tell the person."""
    if problem.slug == "owner-away":
        part = words.known(language, f"part.{problem.extra.get('owner', '')}")
        if part:
            return words.text(language, "problem.part-away", part=part)
    if problem.slug.startswith("http-"):
        return words.text(language, "problem.http")
    return words.known(language, f"problem.{problem.slug}") or problem.detail or problem.title


def field_text(language: str, message: str) -> str:
    """What is wrong with one field."""
    for pattern, key in _FIELD_MESSAGES:
        if re.search(pattern, message):
            return words.text(language, key)
    return message


def field_errors(language: str, problem: Problem) -> dict[str, str]:
    """Field → what is wrong with it; empty when the problem names none."""
    errors: Any = problem.extra.get("errors") or []
    return {
        str(e["field"]): field_text(language, str(e["message"]))
        for e in errors
        if isinstance(e, dict) and "field" in e and "message" in e
    }
