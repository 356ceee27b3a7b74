"""Mail of identity's own: invitations, sign-ups. Written with the change, sent by a loop."""

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Any

from services.identity.store import mail
from services.identity.store.mail import MailRow
from shared.clock import Clock
from shared.database import UNAVAILABLE, Connection, Database
from shared.ids import new_id
from shared.mailboxes import plain
from shared.secretbox import SecretBox

log = logging.getLogger(__name__)

WAITS = (10, 60, 300, 900, 3600)
LEASE = timedelta(seconds=60)

Letter = dict[str, tuple[str, str]]
"""Language → subject and text, with {placeholders}."""

INVITATION: Letter = {
    "fr": (
        "{company} vous invite sur Facteur",
        (
            "Bonjour {name},\n\n{company} vous a ouvert un accès. Choisissez votre mot de passe ici :\n\n"
            "{link}\n\n"
            "Ce lien sert une seule fois et expire dans {days} jours.\n"
        ),
    ),
    "nl": (
        "{company} nodigt u uit op Facteur",
        (
            "Dag {name},\n\n{company} heeft u toegang gegeven. Kies hier uw wachtwoord:\n\n{link}\n\n"
            "Deze link werkt één keer en vervalt over {days} dagen.\n"
        ),
    ),
    "en": (
        "{company} invites you to Facteur",
        (
            "Hello {name},\n\n{company} has given you access. Choose your password here:\n\n{link}\n\n"
            "This link works once and expires in {days} days.\n"
        ),
    ),
}

OFFER: Letter = {
    "fr": (
        "{company} vous invite sur Facteur",
        (
            "Bonjour {name},\n\n{company} vous propose un accès avec votre compte. Pour l’accepter :\n\n"
            "{link}\n\nCe lien sert une seule fois et expire dans {days} jours ; vous trouvez aussi "
            "l’invitation après votre connexion. Sans votre accord, rien ne change.\n"
        ),
    ),
    "nl": (
        "{company} nodigt u uit op Facteur",
        (
            "Dag {name},\n\n{company} biedt u toegang met uw account. Aanvaarden doet u hier:\n\n"
            "{link}\n\nDeze link werkt één keer en vervalt over {days} dagen; u vindt de uitnodiging ook "
            "na het aanmelden. Zonder uw akkoord verandert er niets.\n"
        ),
    ),
    "en": (
        "{company} invites you to Facteur",
        (
            "Hello {name},\n\n{company} offers you access with your account. To accept it:\n\n{link}\n\n"
            "This link works once and expires in {days} days; you also find the invitation after signing "
            "in. Nothing changes unless you agree.\n"
        ),
    ),
}
RESET: Letter = {
    "fr": (
        "Votre mot de passe",
        (
            "Bonjour {name},\n\nChoisissez un nouveau mot de passe ici :\n\n{link}\n\n"
            "Ce lien sert une seule fois et expire dans une heure. Si vous n’avez rien demandé, ignorez ce "
            "message : votre mot de passe reste.\n"
        ),
    ),
    "nl": (
        "Uw wachtwoord",
        (
            "Dag {name},\n\nKies hier een nieuw wachtwoord:\n\n{link}\n\n"
            "Deze link werkt één keer en vervalt over een uur. Heeft u niets gevraagd, negeer dan dit "
            "bericht: uw wachtwoord blijft.\n"
        ),
    ),
    "en": (
        "Your password",
        (
            "Hello {name},\n\nChoose a new password here:\n\n{link}\n\n"
            "This link works once and expires in an hour. If you asked for nothing, ignore this "
            "message: your password stays.\n"
        ),
    ),
}
CONFIRMATION: Letter = {
    "fr": (
        "Confirmez votre adresse",
        (
            "Bonjour,\n\nConfirmez votre adresse pour ouvrir le compte de votre entreprise, et choisissez "
            "votre mot de passe :\n\n{link}\n\n"
            "Ce lien sert une seule fois et expire dans 24 heures. Si vous n’avez rien demandé, ignorez ce "
            "message : aucun compte n’est ouvert.\n"
        ),
    ),
    "nl": (
        "Bevestig uw adres",
        (
            "Dag,\n\nBevestig uw adres om de account van uw bedrijf te openen, en kies uw wachtwoord:"
            "\n\n{link}\n\n"
            "Deze link werkt één keer en vervalt over 24 uur. Heeft u niets gevraagd, negeer dan dit "
            "bericht: er wordt geen account geopend.\n"
        ),
    ),
    "en": (
        "Confirm your address",
        (
            "Hello,\n\nConfirm your address to open your company's account, and choose your password:"
            "\n\n{link}\n\n"
            "This link works once and expires in 24 hours. If you asked for nothing, ignore this "
            "message: no account is opened.\n"
        ),
    ),
}
KNOWN_ALREADY: Letter = {
    "fr": (
        "Vous avez déjà un compte",
        (
            "Bonjour {name},\n\nQuelqu’un a voulu créer un compte avec votre adresse ; vous en avez déjà un. "
            "Connectez-vous ici :\n\n{link}\n\nSi ce n’était pas vous, il n’y a rien à faire.\n"
        ),
    ),
    "nl": (
        "U heeft al een account",
        (
            "Dag {name},\n\nIemand wilde een account maken met uw adres; u heeft er al een. "
            "Meld u hier aan:\n\n{link}\n\nWas u het niet, dan hoeft u niets te doen.\n"
        ),
    ),
    "en": (
        "You have an account already",
        (
            "Hello {name},\n\nSomebody wanted to create an account with your address; you have one already. "
            "Sign in here:\n\n{link}\n\nIf it wasn’t you, there is nothing to do.\n"
        ),
    ),
}


async def send(
    conn: Connection,
    box: SecretBox,
    letter: Letter,
    *,
    recipient: str,
    language: str,
    clock: Clock,
    **values: str,
) -> None:
    """Queue a letter in the transaction that has reason for it; values stay on one line each."""
    lines = {key: " ".join(value.split()) for key, value in values.items()}
    subject, body = (text.format(**lines) for text in letter[language])
    mail_id = new_id()
    sealed = box.seal(body.encode(), mail_id)
    await mail.add(conn, MailRow(mail_id, recipient, subject, sealed, 0), clock())


@dataclass
class Postman:
    """`run()` until cancelled: sends what is due, tries again what failed."""

    db: Database
    box: SecretBox
    smtp: dict[str, Any]
    clock: Clock

    async def run(self) -> None:
        """Send for ever."""
        while True:
            try:
                await self._round()
            except UNAVAILABLE as error:
                log.warning("mail waits for the database: %s", type(error).__name__)
            await asyncio.sleep(0.5)

    async def _round(self) -> None:
        async with self.db.system_transaction() as conn:
            due = await mail.lease(conn, self.clock(), self.clock() + LEASE, 20)
        for row in due:
            problem = await self._send(row)
            async with self.db.system_transaction() as conn:
                if problem is None:
                    await mail.sent(conn, row.mail_id, self.clock())
                else:
                    wait = WAITS[min(row.attempts, len(WAITS)) - 1]
                    until = self.clock() + timedelta(seconds=wait)
                    await mail.postpone(conn, row.mail_id, until, problem)

    async def _send(self, row: MailRow) -> str | None:
        import aiosmtplib

        tls = self.smtp.get("tls", "starttls")
        try:
            await aiosmtplib.send(
                _message(row, self.box.open(row.body, row.mail_id).decode(), self.smtp["sender"]),
                recipients=[row.recipient],
                hostname=self.smtp["host"],
                port=int(self.smtp.get("port", 587)),
                use_tls=tls == "implicit",
                start_tls=tls == "starttls",
                username=self.smtp.get("username"),
                password=self.smtp.get("password"),
                cert_bundle=self.smtp.get("ca_file"),
                timeout=20,
            )
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            log.warning("a letter is sent again later: %s", type(error).__name__)
            return f"{type(error).__name__}: {error}"[:500]
        return None


def _message(row: MailRow, body: str, sender: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = plain(row.recipient)
    message["Subject"] = row.subject
    message["Message-ID"] = make_msgid(str(row.mail_id), domain=sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body)
    return message
