"""Signatures over a SOAP header, its body and the attachment: made, and verified strictly.

Verification returns what was signed; the caller reads nothing else. Every reference must resolve
to exactly one element, ids are unique, and only the algorithms of the profile are taken.
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import new as new_hash
from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from services.delivery.peppol import names as n
from services.delivery.peppol.errors import AUTHENTICATION, POLICY, As4Refused
from services.delivery.peppol.trust import Untrusted, load, name_of
from services.delivery.peppol.xml import Element, UnsafeXml, canonical, only, parse, text

MOST_REFERENCES = 8


@dataclass(frozen=True)
class Identity:
    """Our access point: its certificate, whose CN is its id, and its private key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @classmethod
    def from_pem(cls, certificate: bytes, key: bytes, password: bytes | None = None) -> "Identity":
        private = serialization.load_pem_private_key(key, password)
        if not isinstance(private, rsa.RSAPrivateKey):
            raise TypeError("an access point's key is an RSA key")
        return cls(x509.load_pem_x509_certificate(certificate), private)

    @property
    def ap_id(self) -> str:
        return name_of(self.certificate)


@dataclass(frozen=True)
class Reference:
    """One signed part: `#id` of an element or `cid:` of the attachment, and its digest."""

    uri: str
    digest: str
    algorithm: str = n.SHA256
    transform: str = n.C14N_EXCLUSIVE

    def xml(self) -> str:
        return (
            f'<ds:Reference xmlns:ds="{n.DS}" URI="{self.uri}"><ds:Transforms>'
            f'<ds:Transform Algorithm="{self.transform}"></ds:Transform></ds:Transforms>'
            f'<ds:DigestMethod Algorithm="{self.algorithm}"></ds:DigestMethod>'
            f"<ds:DigestValue>{self.digest}</ds:DigestValue></ds:Reference>"
        )


def reference(uri: str, signed: bytes, transform: str = n.C14N_EXCLUSIVE) -> Reference:
    return Reference(uri, b64encode(sha256(signed).digest()).decode(), transform=transform)


def token(certificate: x509.Certificate, token_id: str) -> str:
    der = b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
    return (
        f'<wsse:BinarySecurityToken EncodingType="{n.BASE64}" ValueType="{n.X509_V3}"'
        f' wsu:Id="{token_id}">{der}</wsse:BinarySecurityToken>'
    )


def sign(identity: Identity, token_id: str, references: list[Reference]) -> str:
    """A `ds:Signature` over those references, by the key whose certificate is that token."""
    signed_info = canonical(
        parse(
            (
                f'<ds:SignedInfo xmlns:ds="{n.DS}">'
                f'<ds:CanonicalizationMethod Algorithm="{n.C14N_EXCLUSIVE}"/>'
                f'<ds:SignatureMethod Algorithm="{n.RSA_SHA256}"/>'
                f"{''.join(r.xml() for r in references)}</ds:SignedInfo>"
            ).encode(),
            100_000,
        )
    )
    value = identity.key.sign(signed_info, padding.PKCS1v15(), hashes.SHA256())
    return (
        f'<ds:Signature xmlns:ds="{n.DS}" Id="SIG-{token_id}">{signed_info.decode()}'
        f"<ds:SignatureValue>{b64encode(value).decode()}</ds:SignatureValue>"
        f"<ds:KeyInfo><wsse:SecurityTokenReference>"
        f'<wsse:Reference URI="#{token_id}" ValueType="{n.X509_V3}"/>'
        f"</wsse:SecurityTokenReference></ds:KeyInfo></ds:Signature>"
    )


@dataclass(frozen=True)
class Verified:
    """Whose signature it is, and the parts it covers."""

    certificate: x509.Certificate
    references: tuple[Reference, ...]
    elements: Mapping[str, Element]
    """Signed elements by `#id`, their digests verified."""

    @property
    def attachments(self) -> tuple[Reference, ...]:
        """Signed attachments, whose digests are still to be compared."""
        return tuple(r for r in self.references if r.uri.startswith("cid:"))


def verify(envelope: Element, security: Element) -> Verified:
    """Check the one signature of a security header; `As4Refused` (EBMS:0101, 0103) otherwise."""
    try:
        signature = only(security, f"{{{n.DS}}}Signature")
        signed_info = only(signature, f"{{{n.DS}}}SignedInfo")
        by_id = _ids(envelope)
        certificate = _signer(signature, security, by_id)
        _check_value(signature, signed_info, certificate)
        references, elements = [], {}
        for element in signed_info.findall(f"{{{n.DS}}}Reference"):
            found = _reference(element)
            references.append(found)
            if not found.uri.startswith("cid:"):
                elements[found.uri] = _digested(found, element, by_id)
    except UnsafeXml as error:
        raise As4Refused(AUTHENTICATION, f"the signature is malformed: {error}") from error
    if not 0 < len(references) <= MOST_REFERENCES or len({r.uri for r in references}) != len(
        references
    ):
        raise As4Refused(AUTHENTICATION, "the signature has no, too many or repeated references")
    return Verified(certificate, tuple(references), elements)


def same_digest(expected: Reference, signed: bytes) -> bool:
    digest = b64encode(new_hash(n.DIGESTS[expected.algorithm], signed).digest())
    return hmac.compare_digest(digest, expected.digest.encode())


def _ids(envelope: Element) -> dict[str, Element]:
    """All elements by any attribute called Id; a repeated one is how wrapping hides."""
    found: dict[str, Element] = {}
    for element in envelope.iter("*"):
        for name, value in element.attrib.items():
            if str(name).rpartition("}")[2].lower() != "id":
                continue
            if value in found:
                raise As4Refused(AUTHENTICATION, f"the id {str(value)[:80]} occurs twice")
            found[str(value)] = element
    return found


def _signer(signature: Element, security: Element, by_id: dict[str, Element]) -> x509.Certificate:
    key_info = only(signature, f"{{{n.DS}}}KeyInfo")
    named = only(only(key_info, f"{{{n.WSSE}}}SecurityTokenReference"), f"{{{n.WSSE}}}Reference")
    element = by_id.get(named.get("URI", "").removeprefix("#"))
    if (
        element is None
        or element.getparent() is not security
        or element.tag != f"{{{n.WSSE}}}BinarySecurityToken"
        or element.get("ValueType") != n.X509_V3
    ):
        raise As4Refused(POLICY, "the signature names no X.509 token of the message")
    try:
        return load(b64decode((element.text or "").strip()))
    except (ValueError, Untrusted) as error:
        raise As4Refused(AUTHENTICATION, f"the signer's certificate is refused: {error}") from error


def _check_value(signature: Element, signed_info: Element, certificate: x509.Certificate) -> None:
    method = only(signed_info, f"{{{n.DS}}}CanonicalizationMethod")
    algorithm = only(signed_info, f"{{{n.DS}}}SignatureMethod").get("Algorithm", "")
    key = certificate.public_key()
    if method.get("Algorithm") != n.C14N_EXCLUSIVE or algorithm not in n.SIGNATURES:
        raise As4Refused(POLICY, f"the signature's algorithm {algorithm} is not of the profile")
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < 2048:
        raise As4Refused(POLICY, "the signer's key is not RSA of at least 2048 bits")
    try:
        key.verify(
            b64decode(text(signature, f"{{{n.DS}}}SignatureValue")),
            canonical(signed_info, _prefixes(method)),
            padding.PKCS1v15(),
            n.SIGNATURES[algorithm],
        )
    except (InvalidSignature, ValueError) as error:
        raise As4Refused(AUTHENTICATION, "the signature doesn't verify") from error


def _reference(element: Element) -> Reference:
    uri = element.get("URI", "")
    transform = only(only(element, f"{{{n.DS}}}Transforms"), f"{{{n.DS}}}Transform")
    found = Reference(
        uri,
        "".join(text(element, f"{{{n.DS}}}DigestValue").split()),
        only(element, f"{{{n.DS}}}DigestMethod").get("Algorithm", ""),
        transform.get("Algorithm", ""),
    )
    wanted = n.ATTACHMENT_SIGNED if uri.startswith("cid:") else n.C14N_EXCLUSIVE
    if found.transform != wanted or found.algorithm not in n.DIGESTS:
        raise As4Refused(POLICY, f"the reference {uri[:80]} uses an algorithm not of the profile")
    if not uri.startswith(("cid:", "#")) or len(uri) < 2:
        raise As4Refused(AUTHENTICATION, f"the reference {uri[:80]!r} names no part of the message")
    return found


def _digested(found: Reference, element: Element, by_id: dict[str, Element]) -> Element:
    target = by_id.get(found.uri[1:])
    if target is None:
        raise As4Refused(AUTHENTICATION, f"the signed part {found.uri[:80]} is not in the message")
    transform = only(only(element, f"{{{n.DS}}}Transforms"), f"{{{n.DS}}}Transform")
    if not same_digest(found, canonical(target, _prefixes(transform))):
        raise As4Refused(AUTHENTICATION, f"the part {found.uri[:80]} is not what was signed")
    return target


def _prefixes(parent: Element) -> list[str]:
    inclusive = parent.find(f"{{{n.C14N_EXCLUSIVE}}}InclusiveNamespaces")
    return [] if inclusive is None else inclusive.get("PrefixList", "").split()
