"""What pages are made of: no inline script or style, no markup in Python, safe ways back."""

import re
from pathlib import Path

import pytest

from services.portal.domain import writing
from services.portal.web import formats, session

PORTAL = Path(session.__file__).parents[1]


@pytest.mark.parametrize("path", sorted(PORTAL.rglob("*.html")), ids=lambda p: p.name)
def test_a_template_has_neither_inline_script_nor_style_nor_unescaped_text(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", text)
    assert not re.search(r"\|\s*safe|autoescape", text)


NAMES = {
    "Facteur",
    "CSV",
    "XLSX",
    "GDPR",
    "IBAN",
    "BIC",
    "SFTP",
    "UBL",
    "PDF",
    "SHA",
    "Factur",
    "Peppol",
}
"""What is called so in every language."""


@pytest.mark.parametrize("path", sorted(PORTAL.rglob("*.html")), ids=lambda p: p.name)
def test_a_template_says_nothing_by_itself(path: Path) -> None:
    """All words are the catalogues': text, and attributes that are read out or shown."""
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", path.read_text("utf-8"), flags=re.DOTALL)
    text = re.sub(r"<(code|svg|script)\b.*?</\1>", "", text, flags=re.DOTALL)
    read = re.findall(r'\s(?:aria-label|title|placeholder|alt)="([^"]*)"', text)
    said = re.sub(r"""<[^>]*>|&[a-z]+;|[\w-]+="[^"]*\"""", " ", text)
    words = {w for part in [said, *read] for w in re.findall(r"[^\W\d_]{2,}", part)}
    assert words - NAMES == set()


def test_no_markup_in_python() -> None:
    found = [p for p in PORTAL.rglob("*.py") if re.search(r"[\"']\s*</?[a-z]+[ >]", p.read_text())]
    assert found == []


@pytest.mark.parametrize(
    "path",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "evil", "javascript:alert(1)", "",
     "/a\nb", "/\t/evil.example"],
)  # fmt: skip
def test_the_way_back_never_leads_elsewhere(path: str) -> None:
    assert session.safe_path(path) == "/"


def test_the_way_back_keeps_path_and_query() -> None:
    assert session.safe_path("/invoices?start=2026-01-01") == "/invoices?start=2026-01-01"


@pytest.mark.parametrize(
    ("typed", "plain"),
    [("1 234,50", "1234.50"), ("1.234,50", "1234.50"), ("1,234.50", "1234.50"), ("12,5", "12.5"),
     ("-3", "-3"), ("1\u202f000", "1000")],
)  # fmt: skip
def test_numbers_are_understood_as_people_type_them(typed: str, plain: str) -> None:
    assert writing.plain_number(typed) == plain


@pytest.mark.parametrize(
    ("value", "french", "english"),
    [("74.50", "74,50", "74.50"), ("-3.5", "-3,5", "-3.5"), ("12", "12", "12"),
     ("1 234,50", "1 234,50", "1 234,50"),
     ("1.234,50", "1.234,50", "1.234,50"), ("x.y", "x.y", "x.y"), ("", "", "")],
)  # fmt: skip
def test_numbers_stand_in_forms_as_people_type_them(value: str, french: str, english: str) -> None:
    shown = formats.typed(value, "fr"), formats.typed(value, "nl"), formats.typed(value, "en")
    assert shown == (french, french, english)
    assert {writing.plain_number(each) for each in shown} == {writing.plain_number(value)}


def test_a_moment_is_told_in_local_time_and_what_isn_t_one_as_it_is() -> None:
    told = "2026-11-25T17:01:28.560+00:00"
    assert formats.moment(told, "nl", seconds=True) == "25/11/2026 18:01:28"
    assert formats.moment("yesterday, they say", "fr") == "yesterday, they say"


def test_the_form_and_the_draft_say_the_same() -> None:
    line = {
        "name": "Bière",
        "quantity": "2",
        "unit": "C62",
        "price": "50",
        "vat": "S:21",
        "number": "B-1",
        "description": "brune",
    }
    written = writing.Written(
        {**dict.fromkeys(writing.HEAD, ""), "due_date": "2027-01-31"}, [line],
        {"amount": "10", "reason": "fidélité", "vat": "S:21"}, "Merci",
    )  # fmt: skip
    content = writing.content_of(written)
    again = writing.written_from(content)
    assert (again.head, again.lines, again.allowance, again.note) == (
        written.head, written.lines, written.allowance, "Merci")  # fmt: skip
    sums = writing.sums(content)
    assert sums is not None
    assert str(sums.totals.amount_due) == "108.90"


def test_what_the_form_does_not_show_survives_an_edit() -> None:
    stored = {
        "project_reference": "P1", "notes": [{"text": "a", "subject": "PMT"}, {"text": "b"}],
        "lines": [{"quantity": "1", "unit": "C62", "price": {"net": "5"}, "vat": {"category": "S", "rate": "21"},
                   "item": {"name": "x", "seller_identifier": "S1"}, "note": "n"}],
    }  # fmt: skip
    whole = writing.carried_over(stored, writing.content_of(writing.written_from(stored)))
    assert whole["project_reference"] == "P1"
    assert whole["notes"] == stored["notes"]
    assert whole["lines"][0]["item"]["seller_identifier"] == "S1"
    assert whole["lines"][0]["note"] == "n"
