"""One request to an application in this process; a stream counts as answered with its head."""

import asyncio
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass
class Answer:
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str:
        return next((v for n, v in self.headers if n == name), "")

    def cookies(self) -> dict[str, str]:
        return {
            value.partition("=")[0]: value.partition("=")[2].partition(";")[0]
            for name, value in self.headers
            if name == "set-cookie"
        }


async def request(
    app: Any, method: str, target: str, headers: dict[str, str], body: bytes = b""
) -> Answer:
    """The answer; the application's task is over when this returns."""
    parts, answer, streams = urlsplit(target), Answer(), asyncio.Event()
    sent = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        for message in sent:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = [(n.decode().lower(), v.decode()) for n, v in message["headers"]]
            if answer.header("content-type").startswith("text/event-stream"):
                streams.set()
        else:
            answer.body += message.get("body", b"")

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": unquote(parts.path), "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(), "root_path": "", "state": {},
        "client": ("203.0.113.7", 4711), "server": ("facteur.test", 80),
        "headers": [(n.lower().encode(), v.encode()) for n, v in
                    {"host": "facteur.test", "content-length": str(len(body)), **headers}.items()],
    }  # fmt: skip
    running = asyncio.create_task(app(scope, receive, send))
    begun = asyncio.create_task(streams.wait())
    try:
        await asyncio.wait({running, begun}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
    finally:
        for task in (running, begun):
            task.cancel()
        await asyncio.gather(running, begun, return_exceptions=True)
    return answer
