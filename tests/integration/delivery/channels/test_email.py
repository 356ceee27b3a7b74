"""E-mail against the embedded mailbox: what arrives, and what every way of failing is called."""

import dataclasses
import email as mail
import email.policy
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from deploy.local.peers.mailbox import Mailbox
from deploy.local.pki import Pki
from services.delivery.channels.email import EmailChannel
from services.delivery.channels.email_reports import read_reports
from services.delivery.channels.email_settings import SmtpServer
from services.delivery.domain.outcome import Delivered, Failed, Job, Refused, Unknown
from tests.integration.delivery.channels.conftest import ORIGINAL, READABLE, JobFactory

ROUTE = {
    "to": ["achats@buyer.example"],
    "cc": ["chef@buyer.example"],
    "bcc": ["archive@seller.example"],
    "reply_to": "compta@seller.example",
}


async def prepared(channel: EmailChannel, job: Job) -> Job:
    return dataclasses.replace(job, prepared=await channel.prepare(job))


def parsed(content: bytes) -> EmailMessage:
    message = mail.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


async def test_the_message_arrives_byte_for_byte(
    email: EmailChannel, mail_peer: Mailbox, job: JobFactory
) -> None:
    ready = await prepared(email, job(route=ROUTE))
    outcome = await email.send(ready)

    assert isinstance(outcome, Delivered)
    assert outcome.words.startswith("250 2.0.0 kept as")
    received = mail_peer.store.all()[0]
    assert mail_peer.store.content(received.id) == ready.prepared
    assert received.tls
    assert received.rcpt_to == [
        "achats@buyer.example",
        "chef@buyer.example",
        "archive@seller.example",
    ]
    assert received.envelope_id == ready.envelope_id
    assert f"\r\nMessage-ID: <{ready.envelope_id}@".encode() in (ready.prepared or b"")
    assert received.message_id == f"<{ready.envelope_id}@seller.example>"


async def test_attachments_are_the_stored_bytes_and_bcc_stays_out(
    email: EmailChannel, job: JobFactory
) -> None:
    content = await email.prepare(job(route=ROUTE))
    assert content is not None
    assert b"archive@seller.example" not in content
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert b"\n" not in content.replace(b"\r\n", b"")
    message = parsed(content)
    assert str(message["From"]) == '"Brasserie de l’Étoile, SRL" <billing@seller.example>'
    assert message["Reply-To"] == "compta@seller.example"
    attached = {part.get_filename(): part.get_content() for part in message.iter_attachments()}
    assert attached == {"2026-00042.pdf": READABLE, "2026-00042.xml": ORIGINAL}


@pytest.mark.parametrize(
    ("language", "subject", "amount"),
    [
        ("fr", "Facture 2026/00042 – Brasserie de l’Étoile, SRL", "1 234,50 €"),
        ("nl", "Factuur 2026/00042 van Brasserie de l’Étoile, SRL", "€ 1.234,50"),
        ("en", "Invoice 2026/00042 from Brasserie de l’Étoile, SRL", "€1,234.50"),
    ],
)
async def test_the_buyer_reads_their_language(
    email: EmailChannel, job: JobFactory, language: str, subject: str, amount: str
) -> None:
    content = await email.prepare(job(route={**ROUTE, "language": language}))
    message = parsed(content or b"")
    assert message["Subject"] == subject
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        text = body.get_content().replace("\xa0", " ").replace("\u202f", " ")
        assert amount in text


async def test_french_words_fit_any_name(email: EmailChannel, job: JobFactory) -> None:
    """« de Atelier » isn't French: no word before the name depends on how it begins."""
    route = {**ROUTE, "language": "fr"}
    message = parsed(await email.prepare(job(route=route, seller_name="Atelier Lumière")) or b"")
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        assert "émise par Atelier Lumière." in body.get_content()
        assert " de Atelier" not in f"{message['Subject']} {body.get_content()}"
    plain = message.get_body(("plain",))
    assert plain is not None
    assert "\nNuméro\u00a0: 2026/00042" in plain.get_content().replace("\r\n", "\n")
    assert "\n-- \n" in plain.get_content().replace("\r\n", "\n")


async def test_names_cannot_write_headers_or_html(email: EmailChannel, job: JobFactory) -> None:
    evil = "Evil\r\nBcc: all@world.example\r\n\r\n<script>alert(1)</script>"
    message = parsed(
        await email.prepare(job(route=ROUTE, seller_name=evil, number="<b>1</b>")) or b""
    )
    assert message["Bcc"] is None
    html = message.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()
    assert "<b>1</b>" not in html.get_content()


async def test_dkim_signs_what_is_sent(
    smtp_server: SmtpServer, mail_peer: Mailbox, job: JobFactory, tmp_path: Path
) -> None:
    key = rsa.generate_private_key(65537, 2048)
    (tmp_path / "dkim.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    signing = smtp_server.model_copy(
        update={
            "dkim_domain": "seller.example",
            "dkim_selector": "s1",
            "dkim_key_file": tmp_path / "dkim.pem",
        }
    )
    channel = EmailChannel(signing)
    assert isinstance(await channel.send(await prepared(channel, job(route=ROUTE))), Delivered)
    await channel.close()

    record = dns_record(key.public_key())
    content = mail_peer.store.content("00000001")
    assert dkim.verify(content, dnsfunc=lambda *_, **__: record)
    assert not dkim.verify(content.replace(b"Facture", b"Factuur"), dnsfunc=lambda *_, **__: record)


def dns_record(key: rsa.RSAPublicKey) -> bytes:
    body = key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return b"v=DKIM1; k=rsa; p=" + b"".join(body.splitlines()[1:-1])


async def test_one_connection_serves_many_messages(
    email: EmailChannel, mail_peer: Mailbox, job: JobFactory
) -> None:
    with counted_connections(mail_peer) as connections:
        for _ in range(5):
            assert isinstance(await email.send(await prepared(email, job(route=ROUTE))), Delivered)
    assert len(connections) == 1


@contextmanager
def counted_connections(peer: Mailbox) -> Iterator[set[object]]:
    """The distinct sessions in which messages arrive."""
    seen: set[object] = set()
    handle = peer.handler.handle_DATA

    async def counting(server: object, session: object, envelope: object) -> str:
        seen.add(id(server))
        return await handle(server, session, envelope)  # type: ignore[arg-type]

    peer.handler.handle_DATA = counting  # type: ignore[method-assign]
    yield seen
    peer.handler.handle_DATA = handle  # type: ignore[method-assign]


async def test_a_kept_connection_that_died_is_replaced(
    email: EmailChannel, mail_peer: Mailbox, job: JobFactory
) -> None:
    assert isinstance(await email.send(await prepared(email, job(route=ROUTE))), Delivered)
    mail_peer.cut_connections()
    assert isinstance(await email.send(await prepared(email, job(route=ROUTE))), Delivered)
    assert len([m for m in mail_peer.store.all() if m.mail_from]) == 2


@pytest.mark.parametrize(
    ("reply", "retryable"),
    [("450 4.2.1 mailbox busy", True), ("550 5.1.1 no such user", False)],
)
async def test_every_recipient_refused(
    email: EmailChannel, mail_peer: Mailbox, job: JobFactory, reply: str, retryable: bool
) -> None:
    mail_peer.behaviour.refuse = {"*": reply}
    outcome = await email.send(await prepared(email, job(route=ROUTE)))
    assert isinstance(outcome, Failed)
    assert outcome.retryable is retryable
    assert f"achats@buyer.example: {reply}" in outcome.words
    assert mail_peer.store.all() == []
    # the connection is in order: the next message goes through
    mail_peer.behaviour.refuse = {}
    assert isinstance(await email.send(await prepared(email, job(route=ROUTE))), Delivered)


async def test_a_partial_refusal_is_a_delivery_that_says_so(
    email: EmailChannel, mail_peer: Mailbox, job: JobFactory
) -> None:
    mail_peer.behaviour.refuse = {"chef@buyer.example": "550 5.1.1 no such user"}
    outcome = await email.send(await prepared(email, job(route=ROUTE)))
    assert isinstance(outcome, Delivered)
    assert outcome.proof["recipients"] == "2/3"
    assert outcome.proof["refused"] == "chef@buyer.example: 550 5.1.1 no such user"


async def test_a_refused_message_was_not_taken(
    email: EmailChannel, mail_peer: Mailbox, job: JobFactory
) -> None:
    mail_peer.behaviour.reply, mail_peer.behaviour.times = "451 4.3.0 try later", 1
    ready = await prepared(email, job(route=ROUTE))
    assert await email.send(ready) == Failed("451 4.3.0 try later", "email.refused", retryable=True)
    assert isinstance(await email.send(ready), Delivered)


@pytest.mark.parametrize("offers_dsn", [True, False])
@pytest.mark.parametrize("fate", ["kept", "lost"])
async def test_a_loss_after_the_last_byte_is_unknown(
    email: EmailChannel, mail_peer: Mailbox, job: JobFactory, fate: str, offers_dsn: bool
) -> None:
    mail_peer.behaviour.offers_dsn = offers_dsn
    mail_peer.behaviour.cut, mail_peer.behaviour.times = fate, 1
    ready = await prepared(email, job(route=ROUTE))
    outcome = await email.send(ready)
    assert isinstance(outcome, Unknown)
    assert outcome.needs_person is not offers_dsn
    settled = await email.settle(ready)
    assert isinstance(settled, Unknown)
    assert not settled.needs_person, "a report may still come"


async def test_a_report_settles_what_is_unknown(
    email: EmailChannel, mail_peer: Mailbox, job: JobFactory
) -> None:
    mail_peer.behaviour.cut, mail_peer.behaviour.times = "kept", 1
    ready = await prepared(email, job(route=ROUTE))
    assert isinstance(await email.send(ready), Unknown)

    returned = next(m for m in mail_peer.store.all() if not m.mail_from)
    reports = read_reports(mail_peer.store.content(returned.id))
    assert {report.envelope_id for report in reports} == {ready.envelope_id}
    assert {report.fate for report in reports} == {"delivered"}
    assert reports[0].message_id == f"<{ready.envelope_id}@seller.example>"
    meta = {"report_fate": reports[0].fate, "report_words": reports[0].words}
    settled = await email.settle(dataclasses.replace(ready, meta=meta))
    assert isinstance(settled, Delivered)


async def test_a_server_that_is_down_is_a_retryable_failure(
    email: EmailChannel, mail_peer: Mailbox, job: JobFactory
) -> None:
    await mail_peer.close_smtp()
    outcome = await email.send(await prepared(email, job(route=ROUTE)))
    assert isinstance(outcome, Failed)
    assert outcome.retryable
    assert outcome.code == "email.connection"


@pytest.mark.parametrize("at", ["MAIL", "RCPT"])
async def test_a_server_that_closes_a_kept_connection_gets_the_message_on_a_new_one_at_once(
    email: EmailChannel, mail_peer: Mailbox, job: JobFactory, at: str
) -> None:
    mail_peer.behaviour.closes = at
    for _ in range(3):
        outcome = await email.send(
            await prepared(email, job(route={"to": ["achats@buyer.example"]}))
        )
        assert isinstance(outcome, Delivered), outcome
        assert outcome.proof["recipients"] == "1/1"
    kept = [r for r in mail_peer.store.all() if r.envelope_id]
    assert len({r.envelope_id for r in kept}) == len(kept) == 3


async def test_a_server_that_closes_every_connection_is_not_asked_for_ever(
    email: EmailChannel, mail_peer: Mailbox, job: JobFactory
) -> None:
    mail_peer.behaviour.refuse = {"chef@buyer.example": "421 4.3.2 shutting down"}
    outcome = await email.send(await prepared(email, job(route=ROUTE)))
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.retryable) == ("email.refused", True)
    assert outcome.words.startswith("421 4.3.2")
    assert mail_peer.store.all() == [], "some got it, and all would get it again"


async def test_an_untrusted_certificate_sends_nothing(
    smtp_server: SmtpServer, mail_peer: Mailbox, job: JobFactory
) -> None:
    channel = EmailChannel(smtp_server.model_copy(update={"ca_file": None}))
    outcome = await channel.send(await prepared(channel, job(route=ROUTE)))
    await channel.close()
    assert isinstance(outcome, Failed)
    assert "certificate" in outcome.words.lower()
    assert mail_peer.store.all() == []


async def test_without_starttls_nothing_is_sent(
    smtp_server: SmtpServer, job: JobFactory, tmp_path: Path
) -> None:
    from deploy.local.peers.mailbox import Options

    bare = await Mailbox(Options(tmp_path / "bare")).start()
    try:
        server = smtp_server.model_copy(update={"port": bare.ports["smtp"]})
        channel = EmailChannel(server)
        outcome = await channel.send(await prepared(channel, job(route=ROUTE)))
        await channel.close()
        assert isinstance(outcome, Failed)
        assert "STARTTLS" in outcome.words
        plain = EmailChannel(server.model_copy(update={"tls": "plain"}))
        assert isinstance(await plain.send(await prepared(plain, job(route=ROUTE))), Delivered)
        await plain.close()
    finally:
        await bare.close()


async def test_sign_in_is_used_and_a_wrong_password_named(
    smtp_server: SmtpServer, job: JobFactory, tmp_path: Path, pki: Pki
) -> None:
    from pydantic import SecretStr

    from deploy.local.peers.mailbox import Options

    tls = pki.folder / "tls-localhost.pem", pki.folder / "tls-localhost.key"
    guarded = await Mailbox(Options(tmp_path / "auth", *tls, users={"relay": "right"})).start()
    try:
        for password, expected in (("right", Delivered), ("wrong", Failed)):
            server = smtp_server.model_copy(
                update={
                    "port": guarded.ports["smtp"],
                    "username": "relay",
                    "password": SecretStr(password),
                }
            )
            channel = EmailChannel(server)
            outcome = await channel.send(await prepared(channel, job(route=ROUTE)))
            await channel.close()
            assert isinstance(outcome, expected), outcome
        assert isinstance(outcome, Failed)
        assert outcome.code == "email.auth"
        assert not outcome.retryable
        assert "wrong" not in outcome.words
    finally:
        await guarded.close()


@pytest.mark.parametrize(
    ("route", "field"),
    [
        ({}, "to"),
        ({"to": []}, "to"),
        ({"to": ["nobody"]}, "to.0"),
        ({"to": ["a@b.example\r\nRCPT TO:<c@d.example>"]}, "to.0"),
        ({"to": ["a@b.example"], "language": "de"}, "language"),
        ({"to": ["a@b.example"], "tos": 1}, "tos"),
    ],
)
async def test_a_bad_route_names_the_field(
    email: EmailChannel, job: JobFactory, route: dict[str, object], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        await email.prepare(job(route=route))
    assert refused.value.code == "email.route"
    assert f"reception setting {field}:" in refused.value.words
