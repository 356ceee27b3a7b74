"""The catalogues hold the same keys in all languages, all that pages use, and nothing else."""

import re
import string
from pathlib import Path

import pytest

from services.portal.web import words

PORTAL = Path(words.__file__).parents[1]
SOURCES = [*PORTAL.rglob("*.html"), *PORTAL.rglob("*.py")]
TEXT = "\n".join(path.read_text("utf-8") for path in SOURCES)
FAMILIES = set(re.findall(r'word\(\s*"([a-z_]+)"', TEXT)) | {
    "done", "problem", "field", "part", "told", "said", "chain_break", "member_change", "precision",
    "kind_of_user",
}  # fmt: skip
SECTIONS = "|".join(sorted({key.partition(".")[0] for key in words.catalogue("fr")}))
KEY = re.compile(rf"""["']((?:{SECTIONS})\.[A-Za-z0-9_.-]+)["']""")
SAME_IN_ALL = {
    "app.peppol", "channel.email", "channel.peppol", "channel.sftp", "channel.ftps", "country.FR", "unit.KGM",
    "unit.MTK", "unit.KMT", "unit_short.KGM", "unit_short.LTR", "unit_short.MTR", "unit_short.MTK",
    "unit_short.KMT", "unit_short.XPX", "invoice.document", "precision.code",
}  # fmt: skip


ALIKE = {
    ("fr", "nl"): {"proof.report", "subscription.title"},
    ("fr", "en"): {
        "form.actions", "form.pages", "account.invitation", "country.FR", "country.LU", "customer.port",
        "invoice.date", "invoice.net", "unit.LTR", "unit_short.HUR", "proof.message_id",
        "product.description", "told.description",
    },
    ("nl", "en"): {
        "nav.dashboard", "company.postcode", "legal_field.address.postcode", "customer.host",
        "invoice.contract", "unit.XPX", "unit_short.DAY", "proof.access_point", "proof.server", "proof.host",
        "security.session_browser", "told.hash",
    },
}  # fmt: skip
"""Words that two languages share."""


ALWAYS_MANY = {
    "audit.whole", "chain_anchor.compared", "customer.first", "deploy.selection", "invoice.first",
    "invoice.more_customers", "product.first", "purchase.first",
}  # fmt: skip
"""Words about more than one by their nature."""


def placeholders(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", ["nl", "en"])
def test_every_language_has_the_same_keys_and_placeholders(language: str) -> None:
    french, other = words.catalogue("fr"), words.catalogue(language)
    assert other.keys() == french.keys()
    differing = [k for k in french if placeholders(french[k]) != placeholders(other[k])]
    assert differing == []


def test_nothing_is_left_untranslated() -> None:
    catalogues = [words.catalogue(language) for language in words.LANGUAGES]
    same = {k for k in catalogues[0] if len({c[k] for c in catalogues}) == 1}
    assert same - SAME_IN_ALL == set()
    for (one, other), alike in ALIKE.items():
        first, second = words.catalogue(one), words.catalogue(other)
        assert {k for k in first if first[k] == second[k]} - same - alike == set(), (one, other)
    assert all(c[k].strip() for c in catalogues for k in c)


def test_every_key_that_pages_use_exists() -> None:
    used = set(re.findall(r'\b_\(\s*["\']([a-z_]+\.[a-z0-9_.-]+)["\']', TEXT))
    used |= set(re.findall(r'\.text\(\s*"([a-z_]+\.[a-z0-9_.-]+)"', TEXT))
    assert used - words.catalogue("fr").keys() == set()


def test_no_key_is_left_over() -> None:
    named = set(KEY.findall(TEXT))
    unused = {
        key
        for key in words.catalogue("fr")
        if key.removesuffix("_1") not in named and key.partition(".")[0] not in FAMILIES
    }
    assert unused == set()


def test_one_is_said_in_the_singular() -> None:
    counted = [words.text("fr", "company.found", count=n) for n in (0, "1", 2, "1\u202f000")]
    assert counted == [
        "0 entreprise trouvée", "1 entreprise trouvée", "2 entreprises trouvées",
        "1\u202f000 entreprises trouvées",
    ]  # fmt: skip
    assert words.text("en", "company.found", count=0) == "0 companies found"
    assert words.text("nl", "company.found", count=1) == "1 bedrijf gevonden"


def test_a_plural_that_begins_with_its_count_has_a_singular() -> None:
    """All that says `{count} things` of what a page counts."""
    french = words.catalogue("fr")
    counting = {k for k, said in french.items() if re.search(r"\{count\} \w+s\b", said)}
    assert {k for k in counting if f"{k}_1" not in french} == ALWAYS_MANY


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("nl-BE,nl;q=0.9,en;q=0.8", "nl"),
        ("de,en;q=0.5", "en"),
        ("", "fr"),
        ("fr;q=0,nl;q=0.1", "nl"),
    ],
)
def test_the_browser_s_wish_decides_the_language(header: str, language: str) -> None:
    assert words.negotiated(header) == language


MARKS = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
HIDDEN = re.compile(r"<(svg|code|script|style)\b.*?</\1>", re.DOTALL)
SPOKEN = re.compile(r'\b(?:aria-label|title|placeholder|alt)="([^"]*)"')
NAMES = {
    "Facteur",
    "PDF",
    "UBL",
    "CSV",
    "XLSX",
    "SHA",
    "Factur",
    "IBAN",
    "BIC",
    "API",
    "GDPR",
    "Peppol",
}
"""What is called the same in every language."""


def said_in(template: str) -> set[str]:
    """Words that a template says by itself, in its text or to a screen reader."""
    bare = HIDDEN.sub(" ", MARKS.sub(" ", template))
    spoken = " ".join(SPOKEN.findall(bare))
    # a macro may write attributes alone
    text = re.sub(r'&[a-z]+;|[a-z-]+="[^"]*"', " ", re.sub(r"<[^>]*>", " ", bare))
    return set(re.findall(r"[A-Za-zÀ-ÿ]{3,}", f"{text} {spoken}")) - NAMES


def test_templates_say_nothing_but_what_the_catalogues_hold() -> None:
    own = {
        path.name: found
        for path in PORTAL.rglob("*.html")
        if (found := said_in(path.read_text("utf-8")))
    }
    assert own == {}


def test_a_text_left_in_a_template_is_found() -> None:
    assert said_in("<p>{{ _('nav.me') }} Enregistrer</p>") == {"Enregistrer"}
    assert said_in('<input aria-label="Search">') == {"Search"}
