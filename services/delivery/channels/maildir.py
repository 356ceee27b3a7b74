"""A Maildir that a mail server delivers into: what is new there, and what has been read."""

from pathlib import Path

MOST_BYTES = 2 * 1024 * 1024
"""A report quotes headers; what is larger is none."""


def require(folder: Path) -> None:
    """LookupError where there is no Maildir."""
    if not (folder / "new").is_dir():
        raise LookupError(
            f"DELIVERY_REPORTS_MAILDIR: {folder} is no Maildir, it has no folder `new`"
        )


def new_messages(folder: Path, limit: int) -> list[Path]:
    """The oldest unread messages."""
    found = [path for path in (folder / "new").iterdir() if path.is_file()]
    return sorted(found, key=lambda path: path.name)[:limit]


def content(message: Path) -> bytes:
    """The message's bytes; none for what is too large to be a report."""
    return message.read_bytes() if message.stat().st_size <= MOST_BYTES else b""


def mark_read(folder: Path, message: Path) -> None:
    """Move it to `cur` as seen: it is kept for the people who look into that mailbox."""
    (folder / "cur").mkdir(exist_ok=True)
    message.rename(folder / "cur" / f"{message.name}:2,S")
