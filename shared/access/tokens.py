"""Access tokens: Ed25519-signed JWTs (RFC 7519, RFC 8037), ten minutes, verified locally."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from shared.problems import Unauthenticated

ISSUER = "facteur-identity"
AUDIENCE = "facteur"
LIFETIME = timedelta(minutes=10)
ALGORITHM = "Ed25519"


@dataclass(frozen=True)
class Claims:
    """What a token says: who, in which session, acting in which company, having seen what."""

    user_id: UUID
    session_id: UUID
    membership_id: UUID
    company_id: UUID
    membership_version: int
    expires_at: datetime
    issued_at: datetime
    scopes: tuple[str, ...] | None = None
    """None for a person; for an API key what it may do at most."""
    two_factor_pending: bool = False


def sign(claims: Claims, key: OKPKey, key_id: UUID) -> str:
    """The token; `claims.expires_at` should be `issued_at + LIFETIME`."""
    payload: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(claims.user_id),
        "sid": str(claims.session_id),
        "mid": str(claims.membership_id),
        "cid": str(claims.company_id),
        "mv": claims.membership_version,
        "iat": int(claims.issued_at.timestamp()),
        "exp": int(claims.expires_at.timestamp()),
    }
    if claims.scopes is not None:
        payload["scp"] = list(claims.scopes)
    if claims.two_factor_pending:
        payload["tfp"] = True
    header = {"alg": ALGORITHM, "kid": str(key_id), "typ": "at+jwt"}
    return jwt.encode(header, payload, key, algorithms=[ALGORITHM])


def key_id_of(token: str) -> UUID:
    """Which key signed it, read before verification; Unauthenticated when it isn't one of ours."""
    import base64
    import json

    try:
        head = token.split(".", 1)[0]
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
        return UUID(header["kid"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Unauthenticated from error


def verify(token: str, public_key: Mapping[str, Any], now: datetime) -> Claims:
    """The claims of a genuine, unexpired token; Unauthenticated for anything else."""
    try:
        decoded = jwt.decode(token, OKPKey.import_key(dict(public_key)), algorithms=[ALGORITHM])
        claims = decoded.claims
        if (
            claims["iss"] != ISSUER
            or claims["aud"] != AUDIENCE
            or decoded.header.get("typ") != "at+jwt"
        ):
            raise Unauthenticated
        expires = datetime.fromtimestamp(claims["exp"], tz=now.tzinfo)
        if expires <= now:
            raise Unauthenticated("The token has expired; refresh the session.")
        return Claims(
            user_id=UUID(claims["sub"]),
            session_id=UUID(claims["sid"]),
            membership_id=UUID(claims["mid"]),
            company_id=UUID(claims["cid"]),
            membership_version=int(claims["mv"]),
            issued_at=datetime.fromtimestamp(claims["iat"], tz=now.tzinfo),
            expires_at=expires,
            scopes=tuple(claims["scp"]) if "scp" in claims else None,
            two_factor_pending=bool(claims.get("tfp", False)),
        )
    except (JoseError, KeyError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Unauthenticated from error
