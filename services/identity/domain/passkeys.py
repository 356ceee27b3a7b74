"""Passkeys (W3C WebAuthn): what the browser is asked for, and what it brings back, verified."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID


@dataclass(frozen=True)
class Site:
    """Where passkeys are good: a domain and the origin that its pages have."""

    domain: str
    origin: str


@dataclass(frozen=True)
class NewPasskey:
    credential_id: bytes
    public_key: bytes
    """COSE."""
    sign_count: int


UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading a browser's answer comes to that isn't made as it should be."""


class PasskeyRefused(Exception):
    """What the browser brought isn't an answer to what it was asked."""


def site_of(portal_url: str) -> Site | None:
    """The portal's site; None at a bare IP address, where browsers know no passkeys."""
    parts = urlsplit(portal_url)
    host = parts.hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return Site(host, f"{parts.scheme}://{parts.netloc}") if host else None
    return None


def registration_options(
    site: Site, user_id: UUID, email: str, known: Sequence[bytes]
) -> tuple[dict[str, Any], bytes]:
    """What `navigator.credentials.create` gets, and the challenge in it."""
    import webauthn
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

    options = webauthn.generate_registration_options(
        rp_id=site.domain,
        rp_name="Facteur",
        user_id=user_id.bytes,
        user_name=email,
        exclude_credentials=[PublicKeyCredentialDescriptor(id=k) for k in known],
    )
    return json.loads(webauthn.options_to_json(options)), options.challenge


def registered(site: Site, credential: dict[str, Any], challenge: bytes) -> NewPasskey:
    """The passkey that was made; PasskeyRefused unless it answers the challenge on this site."""
    import webauthn
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        verified = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.domain,
            expected_origin=site.origin,
        )
    except (WebAuthnException, *UNREADABLE) as error:
        raise PasskeyRefused from error
    return NewPasskey(verified.credential_id, verified.credential_public_key, verified.sign_count)


def sign_in_options(site: Site, known: Sequence[bytes]) -> tuple[dict[str, Any], bytes]:
    """What `navigator.credentials.get` gets, and the challenge in it."""
    import webauthn
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

    options = webauthn.generate_authentication_options(
        rp_id=site.domain, allow_credentials=[PublicKeyCredentialDescriptor(id=k) for k in known]
    )
    return json.loads(webauthn.options_to_json(options)), options.challenge


def credential_id_of(credential: dict[str, Any]) -> bytes:
    """Which passkey the browser says it used; empty when that can't be read."""
    from webauthn import base64url_to_bytes

    try:
        return bytes(base64url_to_bytes(str(credential.get("rawId", ""))))
    except ValueError:
        return b""


def signed_in(
    site: Site, credential: dict[str, Any], challenge: bytes, public_key: bytes, sign_count: int
) -> int:
    """The authenticator's new count; PasskeyRefused unless it signed this challenge on this site."""
    import webauthn
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        verified = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.domain,
            expected_origin=site.origin,
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
        )
    except (WebAuthnException, *UNREADABLE) as error:
        raise PasskeyRefused from error
    return int(verified.new_sign_count)
