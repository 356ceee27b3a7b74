"""Our receiving side behind a plain HTTP server, with a memory instead of a database."""

import asyncio
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deploy.local.peers.registry import QuietServer
from services.delivery.peppol.as4_in import Accepted, Receiver, Rejected


@dataclass
class OurAccessPoint:
    receiver: Receiver
    accepted: dict[str, Accepted] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    repeats: int = 0
    url: str = ""

    async def take(self, request: Request) -> Response:
        result = await self.receiver.receive(dict(request.headers), await request.body())
        if isinstance(result, Rejected):
            self.rejected.append(result)
            return Response(result.signal, media_type=result.content_type)
        self.repeats += result.message_id in self.accepted
        kept = self.accepted.setdefault(result.message_id, result)
        return Response(kept.receipt, media_type=kept.content_type)

    async def start(self) -> None:
        app = Starlette(routes=[Route("/as4", self.take, methods=["POST"])])
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off")
        self._server = QuietServer(config)
        self._task = asyncio.create_task(self._server.serve())
        await self._server.wait_started()
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}/as4"

    async def stop(self) -> None:
        self._server.should_exit = True
        await self._task
