"""What a browser brings is refused whatever it holds; an authenticator's answer to our question is kept."""

import base64
from typing import Any
from uuid import uuid4

import cbor2
import pytest

from services.identity.domain.passkeys import (
    PasskeyRefused,
    Site,
    registered,
    registration_options,
)
from tests.authenticator import Authenticator, text

SITE = Site("facteur.test", "http://facteur.test")
OPTIONS, CHALLENGE = registration_options(SITE, uuid4(), "odile@example.org", [])
MADE = Authenticator(SITE.domain, SITE.origin).made(OPTIONS)
FORMATS = ("packed", "fido-u2f", "tpm", "apple", "android-key", "android-safetynet", "x", 5)
JUNK: tuple[Any, ...] = (None, 5, "x", b"x", [], [b"x"], {}, 1.5, 2**70, [None])


def with_statement(form: Any, statement: Any) -> dict[str, Any]:
    whole = cbor2.loads(base64.urlsafe_b64decode(MADE["response"]["attestationObject"] + "=="))
    changed = cbor2.dumps({**whole, "fmt": form, "attStmt": statement})
    return {**MADE, "response": {**MADE["response"], "attestationObject": text(changed)}}


def test_what_was_made_for_our_question_is_kept() -> None:
    assert registered(SITE, MADE, CHALLENGE).sign_count == 0


@pytest.mark.parametrize("form", FORMATS)
def test_no_statement_of_an_authenticator_is_our_failure(form: Any) -> None:
    whole = {"sig": b"x", "x5c": [b"x"], "alg": -7, "ver": "2.0", "certInfo": b"x" * 60,
             "pubArea": b"x" * 60, "response": b"a.b.c"}  # fmt: skip
    for junk in JUNK:
        for statement in (junk, *({**whole, name: junk} for name in whole)):
            with pytest.raises(PasskeyRefused):
                registered(SITE, with_statement(form, statement), CHALLENGE)
