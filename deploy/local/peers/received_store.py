"""What an access point keeps: a file a document, a line of JSON a message, the receipts it gave."""

import hashlib
import json
from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lxml import etree

SBDH = "{http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader}"


@dataclass(frozen=True)
class Received:
    """One message, as it arrived; `file` is the document's name under `/received/`."""

    message_id: str
    instance_identifier: str
    sender: str
    receiver: str
    document_type: str
    process: str
    country: str
    from_access_point: str
    number: str
    """BT-1 of the document."""
    size: int
    sha256: str
    file: str
    received_at: str


class Store:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "documents").mkdir(parents=True, exist_ok=True)
        self._index = folder / "index.jsonl"
        self.received: list[Received] = []
        self.receipts: dict[str, bytes] = {}
        self.repeats: dict[str, int] = {}
        for line in self._index.read_text().splitlines() if self._index.exists() else []:
            entry = json.loads(line)
            self.receipts[entry["message_id"]] = b64decode(entry.pop("receipt"))
            self.received.append(Received(**entry))

    def keep(self, message: tuple[Received, bytes], receipt: bytes) -> None:
        """Write the document, then the line that says so; both are on disk before the answer."""
        received, document = message
        (self._folder / "documents" / received.file).write_bytes(document)
        entry = {**asdict(received), "receipt": b64encode(receipt).decode()}
        with self._index.open("a") as index:
            index.write(json.dumps(entry) + "\n")
        self.received.append(received)
        self.receipts[received.message_id] = receipt

    def repeated(self, message_id: str) -> None:
        self.repeats[message_id] = self.repeats.get(message_id, 0) + 1

    def document(self, name: str) -> Path | None:
        folder = (self._folder / "documents").resolve()
        path = (folder / name).resolve()
        return path if path.parent == folder and path.is_file() else None


def read_message(message: Any) -> tuple[Received, bytes]:
    """The index entry and the business document of a parsed message of the `as4` library."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    root = etree.fromstring(next(iter(message.decrypted_data.values())), parser)
    header = root.find(f"{SBDH}StandardBusinessDocumentHeader")
    if header is None:
        raise ValueError("the payload has no StandardBusinessDocumentHeader")
    scopes = {
        scope.findtext(f"{SBDH}Type", ""): scope.findtext(f"{SBDH}InstanceIdentifier", "")
        for scope in header.iter(f"{SBDH}Scope")
    }
    document = root[-1]
    content = etree.tostring(document, xml_declaration=True, encoding="UTF-8", with_tail=False)
    digest = hashlib.sha256(content).hexdigest()
    received = Received(
        message_id=message.message_id,
        instance_identifier=header.findtext(
            f"{SBDH}DocumentIdentification/{SBDH}InstanceIdentifier", ""
        ),
        sender=message.sender or "",
        receiver=message.recipient or "",
        document_type=message.document_type_identifier_value or "",
        process=message.process_identifier or "",
        country=scopes.get("COUNTRY_C1", ""),
        from_access_point=message.get_remote_party().identity.party_id,
        number=document.findtext("{*}ID", ""),
        size=len(content),
        sha256=digest,
        file=f"{hashlib.sha256(message.message_id.encode()).hexdigest()[:24]}.xml",
        received_at=datetime.now(UTC).isoformat(),
    )
    return received, content
