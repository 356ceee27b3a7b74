"""SFTP and FTPS against the embedded file drop: the same promises for both."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from deploy.local.peers.filedrop import Filedrop
from deploy.local.pki import Pki
from services.delivery.channels.files import FileSettings
from services.delivery.channels.ftps import FtpsChannel
from services.delivery.channels.sftp import SftpChannel
from services.delivery.domain.outcome import Delivered, Failed, Job, Refused, Unknown
from tests.integration.delivery.channels.conftest import ORIGINAL, JobFactory


@dataclass
class Way:
    """A channel, its peer, and a route that leads there."""

    name: str
    channel: SftpChannel | FtpsChannel
    peer: Filedrop
    route: dict[str, object]

    def stored(self) -> dict[str, int]:
        return {file.path: file.size for file in self.peer.files()}


@pytest.fixture(params=["sftp", "ftps"])
async def way(
    request: pytest.FixtureRequest,
    file_peer: Filedrop,
    sftp: SftpChannel,
    ftps: FtpsChannel,
    pki: Pki,
) -> AsyncIterator[Way]:
    (file_peer.storage / "facteur" / "in").mkdir()
    route: dict[str, object] = {"host": "localhost", "user": "facteur", "folder": "in"}
    if request.param == "sftp":
        route |= {"port": file_peer.ports["sftp"], "host_key": file_peer.host_key}
        yield Way("sftp", sftp, file_peer, route)
    else:
        ca = (pki.folder / "tls-ca.pem").read_text()
        route |= {"port": file_peer.ports["ftps"], "ca": ca}
        yield Way("ftps", ftps, file_peer, route)


def final_name(job: Job) -> str:
    return f"facteur/in/2026-00042_{job.delivery_id.hex}.xml"


async def test_the_file_arrives_whole_under_its_name(way: Way, job: JobFactory) -> None:
    sent = job(route=way.route)
    assert await way.channel.prepare(sent) is None
    outcome = await way.channel.send(sent)
    assert isinstance(outcome, Delivered), outcome
    assert outcome.proof["path"] == final_name(sent).removeprefix("facteur/")
    assert outcome.proof["size"] == str(len(ORIGINAL))
    assert way.stored() == {final_name(sent): len(ORIGINAL)}
    assert way.peer.files()[0].sha256 == sent.original.sha256


async def test_a_repeated_attempt_leaves_one_file(way: Way, job: JobFactory) -> None:
    sent = job(route=way.route)
    for _ in range(2):
        assert isinstance(await way.channel.send(sent), Delivered)
    assert way.stored() == {final_name(sent): len(ORIGINAL)}


async def test_a_loss_before_the_rename_is_a_failure_and_leaves_no_final_file(
    way: Way, job: JobFactory
) -> None:
    way.peer.behaviour.cut, way.peer.behaviour.times = "written", 1
    sent = job(route=way.route)
    outcome = await way.channel.send(sent)
    assert isinstance(outcome, Failed), outcome
    assert outcome.retryable
    assert final_name(sent) not in way.stored()
    assert isinstance(await way.channel.send(sent), Delivered)
    assert way.stored() == {final_name(sent): len(ORIGINAL)}


async def test_a_loss_at_the_rename_is_unknown_and_found_out(way: Way, job: JobFactory) -> None:
    way.peer.behaviour.cut, way.peer.behaviour.times = "renamed", 1
    sent = job(route=way.route)
    assert isinstance(await way.channel.send(sent), Unknown)
    settled = await way.channel.settle(sent)
    assert isinstance(settled, Delivered), settled
    assert settled.words.startswith("found there")
    assert way.stored() == {final_name(sent): len(ORIGINAL)}


async def test_settling_finishes_a_part(way: Way, job: JobFactory) -> None:
    sent = job(route=way.route)
    (way.peer.storage / f"{final_name(sent)}.part").write_bytes(ORIGINAL[:100])
    assert isinstance(await way.channel.settle(sent), Delivered)
    assert way.stored() == {final_name(sent): len(ORIGINAL)}


async def test_settling_replaces_a_final_file_of_another_size(way: Way, job: JobFactory) -> None:
    sent = job(route=way.route)
    (way.peer.storage / final_name(sent)).write_bytes(b"half")
    assert isinstance(await way.channel.settle(sent), Delivered)
    assert way.stored() == {final_name(sent): len(ORIGINAL)}


async def test_settling_says_when_nothing_is_there(way: Way, job: JobFactory) -> None:
    outcome = await way.channel.settle(job(route=way.route, may_have=False))
    assert isinstance(outcome, Failed)
    assert outcome.code == f"{way.name}.absent"
    assert outcome.retryable


async def test_many_at_once(way: Way, job: JobFactory) -> None:
    jobs = [job(route=way.route, company_id=COMPANY) for _ in range(40)]
    outcomes = await asyncio.gather(*(way.channel.send(one) for one in jobs))
    assert all(isinstance(outcome, Delivered) for outcome in outcomes), outcomes
    assert way.stored() == {final_name(one): len(ORIGINAL) for one in jobs}


async def test_a_file_of_five_megabytes(way: Way, job: JobFactory) -> None:
    large = job(route=way.route)
    content = ORIGINAL * 500
    large = dataclasses.replace(
        large, original=dataclasses.replace(large.original, content=content)
    )
    assert isinstance(await way.channel.send(large), Delivered)
    assert (way.peer.storage / final_name(large)).read_bytes() == content


@pytest.mark.parametrize("fault", ["full", "read-only", "no folder"])
async def test_the_server_says_why_it_refuses(way: Way, job: JobFactory, fault: str) -> None:
    route = way.route
    if fault == "full":
        way.peer.behaviour.full = True
        words = "No space left on device"
    elif fault == "read-only":
        way.peer.behaviour.refuse = "write"
        words = "read-only" if way.name == "sftp" else "denied"
    else:
        route = {**route, "folder": "nowhere"}
        words = "No such file or directory"
    sent = job(route=route)
    outcome = await way.channel.send(sent)
    assert isinstance(outcome, Failed), outcome
    assert outcome.retryable
    assert words.lower() in outcome.words.lower()
    assert final_name(sent) not in way.stored()
    # the fault mended, the same channel delivers
    way.peer.behaviour.full, way.peer.behaviour.refuse = False, ""
    assert isinstance(await way.channel.send(job(route=way.route)), Delivered)


async def test_a_wrong_password_is_final_and_not_told(way: Way, job: JobFactory) -> None:
    outcome = await way.channel.send(job(route=way.route, secrets={"password": "hush"}))
    assert isinstance(outcome, Failed)
    assert outcome.code == f"{way.name}.auth"
    assert not outcome.retryable
    assert "hush" not in outcome.words


async def test_passwords_do_not_share_connections(way: Way, job: JobFactory) -> None:
    assert isinstance(await way.channel.send(job(route=way.route, company_id=COMPANY)), Delivered)
    astray = job(route=way.route, company_id=COMPANY, secrets={"password": "hush"})
    assert isinstance(await way.channel.send(astray), Failed)


async def test_a_server_that_is_down_is_retryable(way: Way, job: JobFactory) -> None:
    assert isinstance(await way.channel.send(job(route=way.route, company_id=COMPANY)), Delivered)
    await way.peer.close_servers()
    outcome = await way.channel.send(job(route=way.route, company_id=COMPANY))
    assert isinstance(outcome, Failed)
    assert outcome.retryable
    assert outcome.code == f"{way.name}.connection"


async def test_private_addresses_are_refused_in_production(way: Way, job: JobFactory) -> None:
    production = type(way.channel)(FileSettings())
    for host in ("localhost", "127.0.0.1", "::1", "::ffff:127.0.0.1"):
        outcome = await production.send(job(route={**way.route, "host": host}))
        assert isinstance(outcome, Failed)
        assert outcome.code == f"{way.name}.address"
        assert not outcome.retryable
    await production.close()
    assert way.stored() == {}


async def test_another_host_key_stops_and_alerts(way: Way, job: JobFactory) -> None:
    if way.name == "ftps":
        untrusting = {**way.route, "ca": None}
        outcome = await way.channel.send(job(route=untrusting))
        assert isinstance(outcome, Failed)
        assert outcome.code == "ftps.certificate"
        return
    way.peer.behaviour.other_host_key = True
    way.peer.apply()
    outcome = await way.channel.send(job(route=way.route))
    assert isinstance(outcome, Failed)
    assert outcome.code == "sftp.host_key"
    assert outcome.words.startswith("ALERT")
    assert not outcome.retryable
    assert way.stored() == {}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"host": "a b"}, "host"),
        ({"port": 0}, "port"),
        ({"folder": "../etc"}, "folder"),
        ({"folder": "in\r\nDELE x"}, "folder"),
        ({"user": "a\r\nb"}, "user"),
        ({"naming": "{number}"}, "naming"),
        ({"naming": "{password}_{id}"}, "naming"),
        ({"naming": "../{id}"}, "naming"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_bad_route_names_the_field(
    way: Way, job: JobFactory, change: dict[str, object], field: str
) -> None:
    with pytest.raises(Refused) as refused:
        await way.channel.prepare(job(route={**way.route, **change}))
    assert refused.value.code == f"{way.name}.route"
    assert f"reception setting {field}:" in refused.value.words


async def test_what_the_number_holds_stays_in_the_folder(way: Way, job: JobFactory) -> None:
    sent = job(route=way.route, number="../../x\r\nDELE y")
    assert isinstance(await way.channel.send(sent), Delivered)
    assert list(way.stored()) == [f"facteur/in/x-DELE-y_{sent.delivery_id.hex}.xml"]


COMPANY = "0190b8a0-0000-7000-8000-000000000001"
