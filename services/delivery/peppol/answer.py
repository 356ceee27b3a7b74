"""The body of an HTTP answer, as the peer sent it: never unpacked, never more than a few bytes more
than is allowed. A few kilobytes of gzip would be gigabytes."""

import httpx

UNENCODED = {"Accept-Encoding": "identity"}
"""What a request says whose answer is read here."""


class UnusableAnswer(Exception):
    """The answer is larger than what is taken, or encoded although nobody asked for that."""


async def read_answer(response: httpx.Response, most: int) -> bytes:
    """At most `most` bytes."""
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity"):
        raise UnusableAnswer(f"is encoded ({coding[:40]!r}), which was not asked for")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > most:
            raise UnusableAnswer(f"is longer than {most} bytes")
    return bytes(body)
