"""A list that doesn't show everything says so, and an empty one says what is empty."""

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from services.portal.web import charts
from services.portal.web.rendering import environment, render

NOBODY = SimpleNamespace(principal=None, support=[], may=lambda _: False, uses=lambda _: False)


def shown(template: str, visitor: Any = NOBODY, **values: Any) -> str:
    """The page of somebody who may look and nothing else."""
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [],
             "scheme": "http", "server": ("portal.example", 80)}  # fmt: skip
    always: dict[str, Any] = {
        "problem": None,
        "errors": {},
        "done": "",
        "form_token": "",
        "trace_id": "",
    }
    return render(template, "fr", visitor=visitor, request=Request(scope), **always, **values)


def invoices(count: int) -> str:
    made = [
        {"invoice_id": f"i{n}", "number": f"F-{n}", "kind": "invoice", "buyer_name": "Comptoir",
         "issue_date": "2026-11-25", "due_date": None, "amount_due": "12.10", "currency": "EUR"}
        for n in range(count)
    ]  # fmt: skip
    filters = {"customer_id": "", "start": "2026-08-25", "end": "2026-11-25"}
    return shown(
        "invoices/list.html", invoices=made, deliveries={i["invoice_id"]: [] for i in made},
        drafts=[], customers=[], names={}, filters=filters, filtered=False, most=3,
    )  # fmt: skip


def purchases(count: int) -> str:
    made = [
        {"document_id": f"d{n}", "number": f"A-{n}", "seller_name": "Malterie", "sender": "0208:1",
         "received_at": "2026-11-25T08:00:00+00:00", "amount_due": "12.10", "currency": "EUR"}
        for n in range(count)
    ]  # fmt: skip
    return shown("overview/purchases.html", accepted=made, quarantined=[], most=3)


@pytest.mark.parametrize(
    ("page", "words"),
    [(invoices, "Les 3 plus récentes de la période"), (purchases, "Les 3 dernières reçues")],
)
def test_a_list_says_that_there_may_be_more(page: Any, words: str) -> None:
    assert words not in page(2)
    assert words in page(3)


def deliveries(state: str) -> str:
    return shown(
        "overview/deliveries.html", deliveries=[], numbers={}, state=state, states=("due",), over=(),
        after=None, more=False,
    )  # fmt: skip


def files(q: str) -> str:
    return shown("support/files.html", companies=[], q=q)


@pytest.mark.parametrize(
    ("page", "all_of_it", "a_part"),
    [
        (deliveries, "Aucune livraison pour l’instant", "Aucune livraison dans cet état"),
        (files, "Aucun dossier ouvert", "Aucune entreprise trouvée"),
    ],
)
def test_nothing_at_all_isn_t_nothing_that_was_looked_for(
    page: Any, all_of_it: str, a_part: str
) -> None:
    assert (all_of_it in page(""), a_part in page("")) == (True, False)
    assert (all_of_it in page("due"), a_part in page("due")) == (False, True)


def journal(entries: int, *, lines: int = 1, broken: bool = False) -> str:
    """The journal of a company after a walk along so many entries, without a checkpoint."""
    principal = SimpleNamespace(of_firm=False, company_name="Brasserie", company_id="c", rights=[],
                                kind="internal", two_factor_pending=True)  # fmt: skip
    line = SimpleNamespace(position=7, happened_at="2026-11-25T17:01:28+00:00", actor="system:relay",
                           actor_name="", action="invoice.issued", detail={}, subject="", about_name="",
                           origin="")  # fmt: skip
    check = SimpleNamespace(
        checked_at="2026-11-25T17:00:00+00:00", entries=entries, compared=0, trouble="none",
        acknowledged=[], broken=[{"position": 1}] if broken else [],
    )  # fmt: skip
    return shown(
        "audit/table.html", SimpleNamespace(principal=principal, support=[], name="Marie"),
        lines=[line] * lines, more=False, count=lines, check=check, heard=None, sealed_ago=None,
        sealing_late=False, profiles={}, people={}, company_name="", actions={}, before=None,
        asked=SimpleNamespace(values={}, company="", person="", action="", document="", start="", end=""),
        about=lambda *_: "", broken=lambda _: "",
    )  # fmt: skip


def test_a_journal_of_which_nothing_was_verified_yet_isn_t_called_intact() -> None:
    fresh = journal(0)
    assert "en cours de vérification" in fresh
    assert ("Journal intact" in fresh, "Comparé à aucun" in fresh) == (False, False)
    walked = journal(12)
    assert ("Journal intact : 12 entrées" in walked, "Comparé à aucun" in walked) == (True, True)
    emptied = journal(0, lines=0)
    assert ("Journal intact : 0" in emptied, "Comparé à aucun" in emptied) == (True, True)
    assert "altéré" in journal(0, broken=True)


def test_the_chart_of_days_says_how_high_it_is() -> None:
    days = charts.columns({date(2026, 11, 24): 1234, date(2026, 11, 25): 7}, date(2026, 11, 25), 30)
    figures = environment().get_template("overview/figures.html")

    def drawn(days: Any) -> str:
        module = figures.make_module(
            {"language": "fr", "form_token": "", "visitor": NOBODY, "errors": {}}
        )
        return str(module.day_chart(days))  # type: ignore[attr-defined]

    assert "<span>1\u202f234</span>" in drawn(days)
    assert drawn(charts.columns({}, date(2026, 11, 25), 30)).count('class="axis"') == 1
