"""The AS4 endpoint of our access point."""

from fastapi import APIRouter, Request, Response

from shared.problems import NotFound

router = APIRouter(tags=["peppol"])


@router.post("/as4", include_in_schema=False)
async def receive(request: Request) -> Response:
    """One AS4 message in, a receipt or an error signal out (always 200: the signal says it)."""
    reception = request.app.state.reception
    if reception is None:
        raise NotFound("This service has no access point.")
    answer = await reception().receive(dict(request.headers), await request.body())
    request.app.state.planned()
    return Response(answer.body, media_type=answer.content_type)
