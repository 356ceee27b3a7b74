"""The errors of ebMS 3.0 and AS4 that we send, and how those that we get are to be taken."""

from dataclasses import dataclass
from typing import Final


class As4Refused(Exception):
    """A message is refused; it becomes an error signal to the sender and words in our log."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


FEATURE: Final = "EBMS:0002"
INCONSISTENT: Final = "EBMS:0003"
OTHER: Final = "EBMS:0004"
MIME: Final = "EBMS:0007"
HEADER: Final = "EBMS:0009"
AUTHENTICATION: Final = "EBMS:0101"
DECRYPTION: Final = "EBMS:0102"
POLICY: Final = "EBMS:0103"
DELIVERY: Final = "EBMS:0202"
DECOMPRESSION: Final = "EBMS:0303"

NOT_SERVICED: Final = "PEPPOL:NOT_SERVICED"
"""The errorDetail that Peppol AS4 2.0.3 asks for when we don't serve the addressee."""


@dataclass(frozen=True)
class Known:
    short: str
    category: str
    meaning: str
    retryable: bool = False


KNOWN: Final[dict[str, Known]] = {
    "EBMS:0001": Known("ValueNotRecognized", "Content", "a value is not recognised"),
    FEATURE: Known("FeatureNotSupported", "Content", "a feature is not supported"),
    INCONSISTENT: Known("ValueInconsistent", "Content", "a value contradicts another"),
    OTHER: Known("Other", "Content", "another error", retryable=True),
    "EBMS:0005": Known("ConnectionFailure", "Communication", "a connection failed", retryable=True),
    "EBMS:0006": Known("EmptyMessagePartitionChannel", "Communication", "nothing to pull"),
    MIME: Known("MimeInconsistency", "Unpackaging", "the MIME structure is wrong"),
    "EBMS:0008": Known("FeatureNotSupported", "Unpackaging", "a feature is not supported"),
    HEADER: Known("InvalidHeader", "Unpackaging", "the message header is invalid"),
    "EBMS:0010": Known("ProcessingModeMismatch", "Processing", "the processing mode doesn't match"),
    "EBMS:0011": Known("ExternalPayloadError", "Content", "a payload can't be had"),
    AUTHENTICATION: Known("FailedAuthentication", "Processing", "the signature isn't accepted"),
    DECRYPTION: Known("FailedDecryption", "Processing", "the message can't be decrypted"),
    POLICY: Known("PolicyNoncompliance", "Processing", "the security policy isn't met"),
    "EBMS:0201": Known(
        "DysfunctionalReliability", "Processing", "reliability failed", retryable=True
    ),
    DELIVERY: Known(
        "DeliveryFailure", "Communication", "it can't be delivered now", retryable=True
    ),
    "EBMS:0301": Known("MissingReceipt", "Communication", "a receipt is missing", retryable=True),
    "EBMS:0302": Known("InvalidReceipt", "Communication", "a receipt is invalid"),
    DECOMPRESSION: Known("DecompressionFailure", "Communication", "it can't be decompressed"),
}


def known(code: str) -> Known:
    return KNOWN.get(code, Known("Other", "Content", "an unknown error", retryable=True))
