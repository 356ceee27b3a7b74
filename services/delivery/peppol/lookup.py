"""What a look-up of a participant can end in, other than well."""

from typing import Generic, TypeVar

T = TypeVar("T")


class LookupFailed(Exception):
    """The way to the participant is not known; `words` say why and what to do."""

    code = "peppol.lookup"
    retryable = False

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class NotRegistered(LookupFailed):
    """The participant is not in the directory, or doesn't take this kind of document."""

    code = "peppol.not_registered"


class NotTrusted(LookupFailed):
    """The directory answered with something that isn't signed, isn't ours to trust, or isn't what we asked."""

    code = "peppol.not_trusted"


class NotTold(LookupFailed):
    """Whether to trust whom the directory names can't be told at present: our revocation list is too old."""

    code = "peppol.revocation_outdated"
    retryable = True


class Unreachable(LookupFailed):
    """DNS or the SMP doesn't answer at present."""

    code = "peppol.lookup_unreachable"
    retryable = True


class Kept(Generic[T]):
    """A small cache whose entries live for a number of seconds; the oldest go first."""

    def __init__(self, size: int = 10_000) -> None:
        self._entries: dict[str, tuple[float, T]] = {}
        self._size = size

    def get(self, key: str, now: float) -> T | None:
        entry = self._entries.get(key)
        if entry is None or entry[0] <= now:
            self._entries.pop(key, None)
            return None
        return entry[1]

    def put(self, key: str, value: T, until: float) -> None:
        while len(self._entries) >= self._size:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (until, value)

    def forget(self, key: str) -> None:
        self._entries.pop(key, None)
