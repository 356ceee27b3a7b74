"""Signing in, also under attack; pages among many; activation of many; revocation; export."""

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import psutil

from deploy.demo import people
from deploy.demo.people import PASSWORD, Person
from deploy.local.stack import Stack
from tests.bench.crowd import Crowd, actions, gathered
from tests.bench.table import Row, milliseconds
from tests.services import eventually

SIDE_BY_SIDE = 8
GUESSES_A_SECOND = 50


async def measures(broker: str, *, quick: bool) -> list[Row]:
    """Everything about people, on one stack without delivery workers."""
    companies, activated, lines, seconds = (
        (500, 200, 5_000, 4.0) if quick else (10_000, 5_000, 100_000, 20.0)
    )
    with tempfile.TemporaryDirectory(prefix="facteur-bench-") as name:
        os.chmod(name, 0o755)  # noqa: PTH101, S103 — PostgreSQL runs as another user
        stack = Stack(
            Path(name), broker=broker, workers={}, ephemeral_ports=True, say=lambda _: None
        )
        async with stack:
            urls = {
                s: stack.url(s) for s in ("identity", "portal", "billing", "delivery", "mailbox")
            }
            admin = await people.firm_admin(urls)
            crowd = await gathered(stack, admin.company_id, companies)
            rows = [
                *await sign_ins(urls, crowd, broker, seconds),
                await under_attack(urls, crowd, broker, seconds),
                *await pages(urls, crowd, broker, 40 if quick else 200),
                await activation(admin, broker, activated),
                await revocation(urls, broker, 10 if quick else 40),
                *await export(stack, admin, broker, lines),
            ]
            await admin.close()
            return rows


async def _signed_in(client: httpx.AsyncClient, number: int) -> float:
    """How long one sign-in takes, by another person from another address each time."""
    began = time.perf_counter()
    answer = await client.post(
        "/v1/sessions",
        json={"email": f"u{number}@foule.example", "password": PASSWORD},
        headers={"X-Forwarded-For": f"10.{number % 200}.{number // 200 % 250}.7"},
    )
    assert answer.status_code == 201, answer.text
    return time.perf_counter() - began


async def sign_ins(urls: dict[str, str], crowd: Crowd, broker: str, seconds: float) -> list[Row]:
    """As many as go, then a steady five a second: what each waits for."""
    async with httpx.AsyncClient(base_url=urls["identity"], timeout=60) as client:
        taken: list[float] = []
        numbers = iter(range(1, crowd.users + 1))
        over = time.perf_counter() + seconds

        async def one_after_the_other() -> None:
            while time.perf_counter() < over:
                taken.append(await _signed_in(client, next(numbers)))

        await asyncio.gather(*(one_after_the_other() for _ in range(SIDE_BY_SIDE)))
        rate = len(taken) / seconds
    what = f"sign-ins, {SIDE_BY_SIDE} side by side (Argon2id 19 MiB, t=2)"
    return [Row(what, broker, f"{rate:.1f}/s, {milliseconds(taken)}")]


async def under_attack(urls: dict[str, str], crowd: Crowd, broker: str, seconds: float) -> Row:
    """Others sign in five a second, first in peace, then while one account is guessed at."""
    numbers = iter(range(crowd.users, 0, -1))
    async with httpx.AsyncClient(base_url=urls["identity"], timeout=60) as client:

        async def others() -> list[float]:
            return await _at(5, seconds, lambda _: _signed_in(client, next(numbers)))

        async def guess(nth: int) -> float:
            answer = await client.post(
                "/v1/sessions",
                json={"email": "u1@foule.example", "password": f"guess {nth}"},
                headers={"X-Forwarded-For": f"172.16.{nth // 250 % 250}.{nth % 250}"},
            )
            return float(answer.status_code)

        peace = await others()
        attack = asyncio.create_task(_at(GUESSES_A_SECOND, seconds, guess))
        war = await others()
        statuses = await attack
    p99 = [sorted(t)[int(0.99 * (len(t) - 1))] for t in (peace, war)]
    refused = sum(s == 429 for s in statuses) / len(statuses)
    value = (
        f"others' {milliseconds(war)}; in peace {milliseconds(peace)}: p99 × {p99[1] / p99[0]:.2f}; "
        f"{refused:.0%} of the guesses refused unread"
    )
    return Row(
        f"sign-in while one account is guessed at, {GUESSES_A_SECOND}/s", broker, value, "p99 ≤ 2 ×"
    )


async def _at(rate: float, seconds: float, one: Callable[[int], Awaitable[float]]) -> list[float]:
    """`one(n)`, so many a second, whether or not the former are answered."""
    begun, tasks = time.monotonic(), []
    for nth in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, begun + nth / rate - time.monotonic()))
        tasks.append(asyncio.ensure_future(one(nth)))
    return list(await asyncio.gather(*tasks))


async def pages(urls: dict[str, str], crowd: Crowd, broker: str, count: int) -> list[Row]:
    """Pages of somebody of the firm, four browsers at a time."""
    session, token = await _session(urls)
    cookies = {"facteur_session": session, "facteur_token": token}
    size = f"{crowd.companies} companies, {crowd.users} users"
    async with httpx.AsyncClient(base_url=urls["portal"], cookies=cookies, timeout=60) as client:
        found = (
            await client.get("/api/v1/companies", headers={"Authorization": f"Bearer {token}"})
        ).json()
        company = found["companies"][0]["company_id"]
        wanted = {
            "the list of companies": "/companies",
            "companies found by name": "/companies?q=lot+001",
            "companies found by state": "/companies?state=ready",
            "users of a company": f"/companies/{company}/users",
            "personal settings": "/me",
        }  # fmt: skip
        rows = []
        for what, path in wanted.items():
            turn, taken = asyncio.Semaphore(4), list[float]()

            async def look(path: str = path, turn: asyncio.Semaphore = turn,
                           taken: list[float] = taken) -> None:  # fmt: skip
                async with turn:
                    began = time.perf_counter()
                    answer = await client.get(path)
                    assert answer.status_code == 200, (path, answer.status_code)
                    taken.append(time.perf_counter() - began)

            await asyncio.gather(*(look() for _ in range(count)))
            rows.append(Row(f"page: {what} ({size})", broker, milliseconds(taken)))
    return rows


async def _session(urls: dict[str, str]) -> tuple[str, str]:
    """A session and a token of the firm's administrator."""
    async with httpx.AsyncClient(base_url=urls["identity"], timeout=30) as client:
        credentials = {"email": "admin@cabinet.example", "password": PASSWORD}
        secret = (await client.post("/v1/sessions", json=credentials)).json()["session"]
        given = await client.post(
            "/v1/sessions/current/token", json={}, headers={"Authorization": f"Session {secret}"}
        )
    return secret, given.json()["access_token"]


async def activation(admin: Person, broker: str, count: int) -> Row:
    """Facturation for so many companies at once, from the confirmation to the last result."""
    listed: list[str] = []
    while len(listed) < count:
        after = f"&after={listed[-1]}" if listed else ""
        found = await admin.ask("portal", "GET", f"/api/v1/companies?state=ready{after}")
        listed += [c["company_id"] for c in found["companies"]]
    order = {"company_ids": listed[:count], "enabled": True, "profiles": ["Gérant"]}
    began = time.perf_counter()
    proposed = await admin.ask("portal", "POST", "/api/v1/deployments", json=order)
    foreseen = time.perf_counter() - began
    path = f"/api/v1/deployments/{proposed['deployment_id']}"
    began = time.perf_counter()
    await admin.ask("portal", "POST", f"{path}/confirm")

    async def ended() -> Any:
        found = await admin.ask("portal", "GET", path)
        return found if found["ended_at"] else None

    state = await eventually(ended, seconds=300, step=0.05)
    taken = time.perf_counter() - began
    assert state["came"]["enabled"] == count, state
    value = f"{count / taken:.0f} companies/s ({taken:.1f} s), foreseen in {foreseen:.1f} s"
    return Row(f"activation of {count} companies", broker, value)


async def revocation(urls: dict[str, str], broker: str, count: int) -> Row:
    """From signing out to the last service that refuses the token."""
    services = {"portal": "/api/v1/companies", "billing": "/v1/customers",
                "delivery": "/v1/deliveries"}  # fmt: skip
    taken = []
    async with httpx.AsyncClient(timeout=30) as client:

        async def refused(service: str, token: str) -> bool:
            answer = await client.get(
                urls[service] + services[service], headers={"Authorization": f"Bearer {token}"}
            )
            return answer.status_code == 401

        for _ in range(count):
            session, token = await _session(urls)
            assert not any([await refused(s, token) for s in services])
            began = time.perf_counter()
            ended = await client.delete(
                f"{urls['identity']}/v1/sessions/current",
                headers={"Authorization": f"Session {session}"},
            )
            assert ended.status_code == 204
            waiting = set(services)
            while waiting:
                waiting -= {s for s in waiting if await refused(s, token)}
            taken.append(time.perf_counter() - began)
    what = f"signing out → refused by every service, {count} times"
    return Row(what, broker, milliseconds(taken), "p99 ≤ 2 s")


async def export(stack: Stack, admin: Person, broker: str, lines: int) -> list[Row]:
    """The audit as files: how long, and how much memory the portal needs on top."""
    await actions(stack, admin.company_id, lines)
    process = psutil.Process(stack.supervisor.pids()["portal"])
    rows = []
    for kind in ("csv", "xlsx"):
        before = most = process.memory_info().rss
        began, path = time.perf_counter(), f"/api/v1/companies/{admin.company_id}/audit"
        asked = asyncio.create_task(_downloaded(admin, f"{path}?format={kind}"))
        while not asked.done():
            most = max(most, process.memory_info().rss)
            await asyncio.sleep(0.02)
        size = await asked
        taken = time.perf_counter() - began
        value = (
            f"{taken:.1f} s, {size / 2**20:.1f} MB, {(most - before) / 2**20:.0f} MB of memory more"
        )
        rows.append(Row(f"audit export, {lines} lines, {kind}", broker, value, "≤ 100 MB more"))
    return rows


async def _downloaded(admin: Person, path: str) -> int:
    size, headers = 0, {"Authorization": f"Bearer {admin.token}"}
    async with (
        httpx.AsyncClient(base_url=admin.urls["portal"], timeout=120) as client,
        client.stream("GET", path, headers=headers) as answer,
    ):
        assert answer.status_code == 200
        async for chunk in answer.aiter_bytes():
            size += len(chunk)
    return size
