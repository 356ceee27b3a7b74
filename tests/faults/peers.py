"""What arrived, asked from the peers themselves over HTTP. This module imports nothing of Facteur."""

import json
from collections import Counter
from urllib.request import urlopen
from uuid import UUID


def _asked(url: str) -> object:
    with urlopen(url, timeout=20) as answer:  # noqa: S310 — loopback peers of the test
        return json.load(answer)


def files(filedrop: str) -> Counter[str]:
    """Finished files on the SFTP and FTPS server, by the id in their names; `part` counts the others."""
    found: Counter[str] = Counter()
    listed = _asked(f"{filedrop}/files.json")
    assert isinstance(listed, list)
    for file in listed:
        name = file["path"].rpartition("/")[2]
        if name.endswith(".part"):
            found["part"] += 1
        else:
            found[str(UUID(name.rpartition("_")[2].partition(".")[0]))] += 1
    return found


def messages(access_point: str) -> Counter[str]:
    """Documents that the access point kept, by SBDH instance identifier."""
    listed = _asked(f"{access_point}/received")
    assert isinstance(listed, dict)
    return Counter(listed["by_instance"])


def mails(mailbox: str) -> Counter[str]:
    """Messages in the mail server's store, by the delivery that their envelope ids begin with; its own
    reports have none."""
    listed = _asked(f"{mailbox}/messages.json")
    assert isinstance(listed, list)
    return Counter(m["envelope_id"].partition(".")[0] for m in listed if m["envelope_id"])
