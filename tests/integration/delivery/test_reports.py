"""Reports on e-mails: what is unknown is settled by them, what came back is told; else a person decides."""

from mailbox import Maildir
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from deploy.local.peers import dsn
from deploy.local.process import stop
from services.delivery.channels.email_settings import SmtpServer
from services.delivery.domain.envelope_ids import PURPOSE, envelope_id
from shared.problems import Conflict
from shared.secretbox import add_key, load_box
from tests.integration.alone import started
from tests.integration.delivery.channels import debian
from tests.integration.delivery.conftest import Delivering
from tests.services import eventually

BUYER = "buyer@example.org"


def returned(
    delivering: Delivering,
    delivery_id: UUID,
    action: str,
    status: str,
    *,
    envelope: str | None = None,
    message: str | None = None,
) -> None:
    """A report comes back to the sender's mailbox; it names the e-mail as the e-mail names itself, or
    as somebody made up."""
    assert delivering.settings.reports_maildir is not None
    keys = load_box(delivering.settings.master_key_file).derived(PURPOSE)
    own = envelope_id(keys, delivery_id)
    named = own if message is None else message
    content = f"Message-ID: <{named}@facteur.example>\r\n\r\n".encode()
    known_as = own if envelope is None else envelope
    report = dsn.success("mx.example.org", "f@facteur.example", [BUYER], known_as, content)
    report = report.replace(b"Action: delivered", f"Action: {action}".encode())
    report = report.replace(b"Status: 2.0.0", f"Status: {status}".encode())
    assert f"Status: {status}".encode() in report
    Maildir(delivering.settings.reports_maildir).add(report)


async def read(delivering: Delivering) -> None:
    """Every message in the mailbox has been read, and all reports have had their effect."""
    folder = delivering.settings.reports_maildir
    assert folder is not None

    async def done() -> bool:
        if list((folder / "new").iterdir()):
            return False
        async with delivering.db.system_transaction() as conn:
            left: int = await conn.fetchval("SELECT count(*) FROM mail_report WHERE NOT applied")
        return not left

    await eventually(done)


async def test_a_report_settles_what_is_unknown(delivering: Delivering) -> None:
    delivering.mail.behaviour.cut, delivering.mail.behaviour.times = "kept", 1
    await delivering.issue(await delivering.customer("email"))
    async with delivering.worker("email", count=2):
        (row,) = await delivering.over()
    assert (row["state"], row["attempt"]) == ("delivered", 1)
    assert delivering.copies(row) == 1
    (said,) = await delivering.told("delivery.succeeded")
    assert said["proof"]["report"].startswith(f"{BUYER}: 2.0.0")


async def test_without_a_report_a_person_decides_and_says_why(delivering: Delivering) -> None:
    delivering.mail.behaviour.cut, delivering.mail.behaviour.times = "lost", 1
    await delivering.issue(await delivering.customer("email"), 2)
    async with delivering.worker("email", in_flight=1):
        rows = await delivering.over()
        assert sorted(row["state"] for row in rows) == ["delivered", "undecided"]
        (row,) = [r for r in rows if r["state"] == "undecided"]
        (other,) = [r for r in rows if r["state"] == "delivered"]
        made = await delivering.attempts(row["delivery_id"])
        assert [a["kind"] for a in made] == ["send", "settle", "settle", "settle"]
        assert [e["reason"] for e in await delivering.told("delivery.failed")] == ["undecided"]
    with pytest.raises(Conflict):
        await delivering.confirm(other["delivery_id"], "no need")
    await delivering.confirm(row["delivery_id"], "the buyer rang")
    with pytest.raises(Conflict):
        await delivering.confirm(row["delivery_id"], "again")
    assert {r["state"] for r in await delivering.deliveries()} == {"delivered"}
    last = (await delivering.attempts(row["delivery_id"]))[-1]
    assert (last["kind"], last["outcome"]) == ("decision", "delivered")
    assert last["proof"] == {"reason": "the buyer rang", "decided_by": "user:7"}
    told = await delivering.db.pool.fetch(
        "SELECT headers FROM outbox WHERE topic = 'delivery.succeeded' ORDER BY position"
    )
    assert "user:7" in str(told[-1]["headers"])


@pytest.mark.parametrize(
    ("action", "status", "state"),
    [
        ("delivered", "2.0.0", "delivered"),
        ("failed", "5.1.1", "refused"),
        ("delayed", "4.4.1", "undecided"),
    ],
)
async def test_a_report_that_comes_late_still_settles(
    delivering: Delivering, action: str, status: str, state: str
) -> None:
    delivering.mail.behaviour.cut, delivering.mail.behaviour.times = "lost", 1
    await delivering.issue(await delivering.customer("email"))
    async with delivering.worker("email"):
        (row,) = await delivering.over()
        assert row["state"] == "undecided"
        returned(delivering, row["delivery_id"], action, status)
        await read(delivering)

        async def settled() -> bool:
            return bool((await delivering.deliveries())[0]["state"] == state)

        await eventually(settled)


@pytest.mark.parametrize(
    ("action", "status", "state"),
    [
        ("failed", "5.1.1", "bounced"),
        ("failed", "4.4.7", "delivered"),
        ("delayed", "4.4.1", "delivered"),
    ],
)
async def test_what_comes_back_for_good_is_told_and_what_is_late_is_noted(
    delivering: Delivering, action: str, status: str, state: str
) -> None:
    delivering.mail.behaviour.offers_dsn = False
    await delivering.issue(await delivering.customer("email"))
    async with delivering.worker("email"):
        (row,) = await delivering.over()
        assert row["state"] == "delivered"
        for _ in range(2):
            returned(delivering, row["delivery_id"], action, status)
        await read(delivering)
        (row,) = await delivering.deliveries()
        assert row["state"] == state
        told = await delivering.told("delivery.bounced")
        assert len(told) == (state == "bounced")
        if told:
            assert told[0]["words"].startswith(f"{BUYER}: 5.1.1")
            assert (await delivering.attempts(row["delivery_id"]))[-1]["kind"] == "report"
            await delivering.resend(row["delivery_id"])
            _, again = await delivering.over()
            assert again["state"] == "delivered"


async def test_who_has_not_seen_the_e_mail_reports_nothing_on_it(
    delivering: Delivering, caplog: pytest.LogCaptureFixture
) -> None:
    """Knowing the delivery's id isn't enough; one of the two ids is, as servers drop the other."""
    await delivering.issue(await delivering.customer("email"))
    async with delivering.worker("email"):
        (row,) = await delivering.over()
        identity = row["delivery_id"]
        guessed = f"{identity}.{'0' * 32}"
        for envelope, message in ((str(identity), str(identity)), (guessed, guessed), ("", "")):
            returned(delivering, identity, "failed", "5.1.1", envelope=envelope, message=message)
        await read(delivering)
        (row,) = await delivering.deliveries()
        assert row["state"] == "delivered"
        assert caplog.text.count("names no e-mail of ours") == 3
        returned(delivering, identity, "failed", "5.1.1", envelope="QQ123")
        await read(delivering)
        (row,) = await delivering.deliveries()
    assert row["state"] == "bounced"


async def test_an_e_mail_of_before_a_new_master_key_is_still_reported_on(
    delivering: Delivering,
) -> None:
    await delivering.issue(await delivering.customer("email"))
    async with delivering.worker("email"):
        (row,) = await delivering.over()
    identity = row["delivery_id"]
    (sent,) = [r for r in delivering.mail.store.all() if r.envelope_id]
    add_key(delivering.settings.master_key_file)
    async with delivering.worker("email"):
        returned(delivering, identity, "failed", "5.1.1", envelope=sent.envelope_id, message="")
        await read(delivering)
        (row,) = await delivering.deliveries()
    assert row["state"] == "bounced"


async def test_postfix_says_what_became_of_it(delivering: Delivering, workplace: Path) -> None:
    """Its report settles what a killed worker left; its bounce is heard of after the delivery."""
    tls = delivering.pki.folder / "tls-localhost.pem", delivering.pki.folder / "tls-localhost.key"
    running, port, mail = debian.postfix(workplace / "reporting", *tls)
    folder = mail / "billing"
    Maildir(folder)
    debian.owned_by_postfix(folder)
    smtp = SmtpServer(
        host="localhost", port=port, sender=debian.SENDER,
        ca_file=delivering.pki.folder / "tls-ca.pem",
    )  # fmt: skip
    changes: dict[str, Any] = {"smtp": smtp.model_dump(mode="json"), "reports_maildir": folder}
    try:
        delivering.settings = delivering.settings.model_copy(update=changes)
        await delivering.issue(await delivering.email_customer("achats@buyer.example"))
        async with started(
            "delivery", delivering.database, None, "--channels", "email",
            **delivering.environment, FACTEUR_FAILPOINT="deliver.after_send",
        ) as process:  # fmt: skip
            assert await process.ended() == -9
        await delivering.issue(await delivering.email_customer(debian.GONE))
        async with delivering.worker("email"):

            async def known() -> bool:
                states = {row["state"] for row in await delivering.deliveries()}
                return states == {"delivered", "bounced"}

            await eventually(known, 30)
        settled, lost = await delivering.deliveries()
        assert (settled["state"], settled["attempt"]) == ("delivered", 1)
        proof = (await delivering.attempts(settled["delivery_id"]))[-1]["proof"]
        assert "achats@buyer.example: 2.0.0" in proof["report"]
        assert lost["state"] == "bounced"
        assert "5.1.1" in (await delivering.told("delivery.bounced"))[0]["words"]
    finally:
        stop(running)
