"""Namespaces and algorithm names of AS4 (ebMS 3.0, WS-Security 1.1.1, CEF eDelivery AS4 1.14)."""

from typing import Final

from cryptography.hazmat.primitives import hashes

S12: Final = "http://www.w3.org/2003/05/soap-envelope"
EB: Final = "http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/"
EBBP: Final = "http://docs.oasis-open.org/ebxml-bp/ebbp-signals-2.0"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
XENC: Final = "http://www.w3.org/2001/04/xmlenc#"
XENC11: Final = "http://www.w3.org/2009/xmlenc11#"
_WSS: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE: Final = f"{_WSS}wssecurity-secext-1.0.xsd"
WSU: Final = f"{_WSS}wssecurity-utility-1.0.xsd"
WSSE11: Final = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"
XML: Final = "http://www.w3.org/XML/1998/namespace"

C14N_EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
SHA256: Final = f"{XENC}sha256"
RSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
RSA_OAEP: Final = f"{XENC11}rsa-oaep"
MGF1_SHA256: Final = f"{XENC11}mgf1sha256"
AES128_GCM: Final = f"{XENC11}aes128-gcm"
X509_V3: Final = f"{_WSS}x509-token-profile-1.0#X509v3"
BASE64: Final = f"{_WSS}soap-message-security-1.0#Base64Binary"
_SWA: Final = "http://docs.oasis-open.org/wss/oasis-wss-SwAProfile-1.1#"
ATTACHMENT_SIGNED: Final = f"{_SWA}Attachment-Content-Signature-Transform"
ATTACHMENT_CIPHERTEXT: Final = f"{_SWA}Attachment-Ciphertext-Transform"
ATTACHMENT_CONTENT_ONLY: Final = f"{_SWA}Attachment-Content-Only"
ENCRYPTED_KEY: Final = (
    "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#EncryptedKey"
)

SIGNATURES: Final[dict[str, hashes.HashAlgorithm]] = {
    RSA_SHA256: hashes.SHA256(),
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384": hashes.SHA384(),
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512": hashes.SHA512(),
}
DIGESTS: Final[dict[str, str]] = {
    SHA256: "sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
    f"{XENC}sha512": "sha512",
}

AP_PARTY_TYPE: Final = "urn:fdc:peppol.eu:2017:identifiers:ap"
AGREEMENT: Final = "urn:fdc:peppol.eu:2017:agreements:tia:ap_provider"
INITIATOR: Final = f"{EB}initiator"
RESPONDER: Final = f"{EB}responder"
