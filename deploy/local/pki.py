"""A public-key infrastructure of our own, for the embedded stack and the tests.

It has the shape of Peppol's: a root, an issuing authority for access points (with a revocation
list), one for metadata publishers (SMP), and a separate authority for TLS on this machine. None
of it is trusted by anybody else. Keys are written with mode 0600.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

KEY_BITS = 2048
YEARS = timedelta(days=3 * 365)
LEEWAY = timedelta(hours=1)


@dataclass(frozen=True)
class Issued:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def write(self, folder: Path, name: str) -> None:
        """Write `<name>.pem` and `<name>.key` (mode 0600) into the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        write_private(folder / f"{name}.key", self.key_pem)
        (folder / f"{name}.pem").write_bytes(self.pem)

    @classmethod
    def read(cls, folder: Path, name: str) -> "Issued":
        certificate = x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())
        key = serialization.load_pem_private_key((folder / f"{name}.key").read_bytes(), None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError(f"{name}.key is not an RSA key")
        return cls(certificate, key)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def authority(common_name: str, issuer: Issued | None = None) -> Issued:
    """A certificate authority: self-signed, or issued by another."""
    key = rsa.generate_private_key(65537, KEY_BITS)
    builder = (
        _certificate(common_name, key, issuer)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
    )
    return Issued(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def leaf(
    common_name: str,
    issuer: Issued,
    *,
    starts: datetime | None = None,
    ends: datetime | None = None,
) -> Issued:
    """An end certificate that signs and encrypts, as an access point's or an SMP's does."""
    key = rsa.generate_private_key(65537, KEY_BITS)
    builder = (
        _certificate(common_name, key, issuer, starts, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
    )
    return Issued(builder.sign(issuer.key, hashes.SHA256()), key)


def tls_server(names: Iterable[str], issuer: Issued) -> Issued:
    """A TLS server's certificate for the given host names and addresses."""
    names = list(names)
    key = rsa.generate_private_key(65537, KEY_BITS)
    alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
    builder = (
        _certificate(names[0], key, issuer)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(alternatives, critical=False)
    )
    return Issued(builder.sign(issuer.key, hashes.SHA256()), key)


def revocation_list(
    issuer: Issued,
    revoked: Iterable[x509.Certificate] = (),
    *,
    next_update: datetime | None = None,
) -> bytes:
    """The issuer's CRL in PEM; without `next_update` it holds as long as its certificates."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(min(now, next_update or now) - LEEWAY)
        .next_update(next_update or now + YEARS)
    )
    for certificate in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(certificate.serial_number)
            .revocation_date(now - LEEWAY)
            .build()
        )
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True)
class Pki:
    """The authorities of one folder, and what they have issued."""

    folder: Path
    root: Issued
    ap_ca: Issued
    smp_ca: Issued
    tls_ca: Issued

    @classmethod
    def at(cls, folder: Path) -> "Pki":
        """The infrastructure in that folder, made on first use (about a second)."""
        names = ("root-ca", "ap-ca", "smp-ca", "tls-ca")
        if not (folder / "complete").exists():
            root = authority("Facteur local root CA")
            made = (
                root,
                authority("Facteur local access point CA", root),
                authority("Facteur local SMP CA", root),
                authority("Facteur local TLS CA"),
            )
            for name, issued in zip(names, made, strict=True):
                issued.write(folder, name)
            (folder / "crl.pem").write_bytes(revocation_list(made[1]))
            (folder / "complete").touch()
        return cls(folder, *(Issued.read(folder, name) for name in names))

    @property
    def crl(self) -> Path:
        """The access point authority's revocation list (PEM)."""
        return self.folder / "crl.pem"

    def access_point(self, ap_id: str) -> Issued:
        """The certificate of an access point; `ap_id` is its CN, `P` + country + six digits."""
        return self._kept(ap_id, lambda: leaf(ap_id, self.ap_ca))

    def smp(self, smp_id: str = "SMP2000001") -> Issued:
        return self._kept(smp_id, lambda: leaf(smp_id, self.smp_ca))

    def server(self, names: tuple[str, ...] = ("localhost", "127.0.0.1", "::1")) -> Issued:
        """The TLS server's certificate of this machine (`tls-<first name>.pem` and `.key`)."""
        return self._kept(f"tls-{names[0]}", lambda: tls_server(names, self.tls_ca))

    def revoke(self, *certificates: x509.Certificate) -> None:
        """Publish a revocation list that holds exactly these."""
        self.crl.write_bytes(revocation_list(self.ap_ca, certificates))

    def _kept(self, name: str, make: Callable[[], Issued]) -> Issued:
        if not (self.folder / f"{name}.pem").exists():
            make().write(self.folder, name)
        return Issued.read(self.folder, name)


def _certificate(
    common_name: str,
    key: rsa.RSAPrivateKey,
    issuer: Issued | None,
    starts: datetime | None = None,
    ends: datetime | None = None,
) -> x509.CertificateBuilder:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "BE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Facteur local"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts or now - LEEWAY)
        .not_valid_after(ends or now + YEARS)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_authority_key(issuer.key if issuer else key), critical=False)
    )


def _authority_key(key: rsa.RSAPrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not signs_certificates,
        data_encipherment=not signs_certificates,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
