"""What the buyer reads in an e-mail: the words by language, the layout in templates/."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Literal

from babel.dates import format_date
from babel.numbers import format_currency
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from services.delivery.domain.outcome import Job

Language = Literal["fr", "nl", "en"]
LANGUAGES: tuple[Language, ...] = ("fr", "nl", "en")

_LOCALES = {"fr": "fr_BE", "nl": "nl_BE", "en": "en_GB"}


@dataclass(frozen=True)
class Words:
    """One language's words; `{…}` are filled by `reading`."""

    invoice: str
    credit_note: str
    greeting: str
    invoice_intro: str
    credit_note_intro: str
    number: str
    amount: str
    credited: str
    due: str
    attached: str
    closing: str
    automatic: str
    colon: str = ":"
    """What follows a label."""


WORDS: dict[str, Words] = {
    "fr": Words(
        invoice="Facture {number} – {seller}",
        credit_note="Note de crédit {number} – {seller}",
        greeting="Bonjour,",
        invoice_intro="Veuillez trouver ci-joint la facture {number}, émise par {seller}.",
        credit_note_intro="Veuillez trouver ci-joint la note de crédit {number}, émise par {seller}.",
        number="Numéro",
        amount="Montant à payer",
        credited="Montant crédité",
        due="Date d’échéance",
        attached="Le fichier XML joint est l’original au format européen (EN 16931).",
        closing="Cordialement,",
        automatic="Ce message a été envoyé automatiquement pour {seller}.",
        colon="\u00a0:",
    ),
    "nl": Words(
        invoice="Factuur {number} van {seller}",
        credit_note="Creditnota {number} van {seller}",
        greeting="Goedendag,",
        invoice_intro="In bijlage vindt u factuur {number} van {seller}.",
        credit_note_intro="In bijlage vindt u creditnota {number} van {seller}.",
        number="Nummer",
        amount="Te betalen bedrag",
        credited="Gecrediteerd bedrag",
        due="Vervaldatum",
        attached="Het XML-bestand in bijlage is het origineel in het Europese formaat (EN 16931).",
        closing="Met vriendelijke groet,",
        automatic="Dit bericht werd automatisch verzonden in naam van {seller}.",
    ),
    "en": Words(
        invoice="Invoice {number} from {seller}",
        credit_note="Credit note {number} from {seller}",
        greeting="Hello,",
        invoice_intro="Please find attached invoice {number} from {seller}.",
        credit_note_intro="Please find attached credit note {number} from {seller}.",
        number="Number",
        amount="Amount due",
        credited="Amount credited",
        due="Due date",
        attached="The attached XML file is the original in the European format (EN 16931).",
        closing="Kind regards,",
        automatic="This message was sent automatically on behalf of {seller}.",
    ),
}

_templates = Environment(
    loader=PackageLoader("services.delivery.channels"),
    autoescape=select_autoescape(("html",)),
    undefined=StrictUndefined,
    trim_blocks=True,
)


@dataclass(frozen=True)
class Reading:
    """An e-mail's words: subject and both bodies."""

    subject: str
    text: str
    html: str


def reading(job: Job, language: str) -> Reading:
    """The words for this document in that language; an unknown language reads English."""
    language = language if language in WORDS else "en"
    words = WORDS[language]
    credit = job.document_kind == "credit_note"
    filled = {"number": one_line(job.number), "seller": one_line(job.seller_name)}
    values = {
        "language": language,
        "words": words,
        "intro": (words.credit_note_intro if credit else words.invoice_intro).format(**filled),
        "rows": _rows(job, words, language, credit=credit),
        "automatic": words.automatic.format(**filled),
        "seller": filled["seller"],
    }
    return Reading(
        subject=(words.credit_note if credit else words.invoice).format(**filled),
        text=_templates.get_template("email.txt").render(values),
        html=_templates.get_template("email.html").render(values),
    )


def one_line(text: str) -> str:
    """The text without line breaks or other control characters (they would end a header)."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _rows(job: Job, words: Words, language: str, *, credit: bool) -> list[tuple[str, str]]:
    rows = [(words.number, one_line(job.number))]
    rows.append((words.credited if credit else words.amount, _money(job, language)))
    if job.due_date and not credit:
        rows.append((words.due, _day(job.due_date, language)))
    return rows


def _money(job: Job, language: str) -> str:
    try:
        amount = Decimal(job.amount_due)
    except InvalidOperation:
        return f"{job.amount_due} {job.currency}"
    return format_currency(amount, job.currency, locale=_LOCALES[language])


def _day(day: str, language: str) -> str:
    try:
        return format_date(date.fromisoformat(day), "long", locale=_LOCALES[language])
    except ValueError:
        return day
