"""The local access point as a sender to us, the processes as they are started, and TLS on the way."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.peers.registry import serve
from deploy.local.pki import Pki
from services.delivery.channels.peppol import PeppolChannel
from services.delivery.domain.outcome import Delivered, Refused
from services.delivery.peppol.as4_in import Receiver
from services.delivery.peppol.participant import BIS_INVOICE, BIS_PROCESS, ParticipantIdentifier
from tests.conformance.our_access_point import OurAccessPoint
from tests.unit.delivery.peppol.network import (
    BUYER,
    OURS,
    SELLER,
    THEIRS,
    Network,
    invoice,
    job,
    settings,
)


@pytest.fixture
async def ours(pki: Pki) -> AsyncIterator[OurAccessPoint]:
    known = settings(pki)
    served = ParticipantIdentifier.parse(SELLER)
    access_point = OurAccessPoint(Receiver(known.identity, known.ap_trust, served.same_as))
    await access_point.start()
    yield access_point
    await access_point.stop()


@contextmanager
def started(peer: str, *arguments: str) -> Iterator[dict[str, Any]]:
    """A peer as a process; what it says when it is ready, and that it ends well on SIGTERM."""
    command = [sys.executable, "-m", f"deploy.local.peers.{peer}", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
    assert process.returncode == 0


async def test_the_peer_sends_us_a_purchase_and_believes_our_receipt(
    network: Network, ours: OurAccessPoint
) -> None:
    wanted = {
        "url": ours.url,
        "certificate": network.pki.access_point(OURS).pem.decode(),
        "document": invoice("P-1").decode(),
        "sender": BUYER,
        "receiver": SELLER,
        "document_type": BIS_INVOICE.value,
        "process": BIS_PROCESS.value,
        "instance": "purchase-1",
    }
    async with httpx.AsyncClient(trust_env=False) as client:
        first, again = [
            (await client.post(f"{network.peer.url}/send", json=wanted)).json() for _ in range(2)
        ]
        refused = (
            await client.post(f"{network.peer.url}/send", json={**wanted, "receiver": BUYER})
        ).json()
        wrong = await client.post(f"{network.peer.url}/send", json={"url": "x"})

    assert first["accepted"] is again["accepted"] is True
    assert first["message_id"] != again["message_id"]
    instances = [a.envelope.instance_identifier for a in ours.accepted.values()]
    assert instances == ["purchase-1", "purchase-1"]
    assert refused == {
        "status": 200,
        "message_id": refused["message_id"],
        "accepted": False,
        "error": "EBMS:0004",
        "detail": "PEPPOL:NOT_SERVICED",
    }
    assert wrong.status_code == 422


async def test_what_arrived_is_counted_and_survives_a_restart(
    network: Network, tmp_path: Path
) -> None:
    due = job(invoice())
    due = replace(due, prepared=await network.channel.prepare(due))
    for _ in range(3):
        assert isinstance(await network.channel.send(due), Delivered)
    async with httpx.AsyncClient(trust_env=False) as client:
        said = (await client.get(f"{network.peer.url}/received")).json()
        page = (await client.get(network.peer.url)).text
        document = await client.get(f"{network.peer.url}/received/{said['messages'][0]['file']}")
        missing = await client.get(f"{network.peer.url}/received/..%2Findex.jsonl")
    assert said["count"] == 1
    assert said["by_instance"] == {str(due.delivery_id): 1}
    assert said["repeats"] == {f"{due.delivery_id}@facteur": 2}
    assert "F-1" in page
    assert b"<cbc:ID>F-1</cbc:ID>" in document.content
    assert missing.status_code == 404

    arguments = [f"--authority={network.pki.folder / n}.pem" for n in ("root-ca", "ap-ca")]
    arguments += [f"--dir={tmp_path / 'peer'}", f"--certificate={network.pki.folder / THEIRS}.pem"]
    with started("access_point", *arguments, f"--key={network.pki.folder / THEIRS}.key") as ready:
        async with httpx.AsyncClient(trust_env=False) as client:
            again = (await client.get(f"http://127.0.0.1:{ready['http']}/received")).json()
    assert again["messages"] == said["messages"]


async def test_the_registry_as_a_process_reads_its_file_again(
    network: Network, tmp_path: Path
) -> None:
    smp = network.pki.smp()
    smp.write(tmp_path, "smp")
    listed = tmp_path / "participants.json"
    listed.write_text("[]")
    keys = (f"--smp-pem={tmp_path / 'smp.pem'}", f"--smp-key={tmp_path / 'smp.key'}")
    with started("registry", str(listed), *keys) as ready:
        known = network.settings.model_copy(
            update={"sml_port": ready["dns_port"], "sml_zone": ready["zone"]}
        )
        channel = PeppolChannel(known)
        with pytest.raises(Refused, match="not registered"):
            await channel.prepare(job(invoice()))
        certificate = str(network.pki.folder / f"{THEIRS}.pem")
        entry = {
            "participant": BUYER,
            "endpoint": "http://127.0.0.1:1/as4",
            "certificate": certificate,
        }
        listed.write_text(json.dumps([entry]))
        assert await channel.prepare(job(invoice()))
        await channel.close()


async def test_the_smp_over_tls_is_believed_only_by_its_authority(
    network: Network, tmp_path: Path
) -> None:
    network.pki.server()
    tls = (network.pki.folder / "tls-localhost.pem", network.pki.folder / "tls-localhost.key")
    serving = await serve(lambda: network.registry, tls=tls)
    known = network.settings.model_copy(update={"sml_port": serving.dns_port})
    other = Pki.at(tmp_path / "other").folder / "tls-ca.pem"
    trusting, doubting = (
        PeppolChannel(known),
        PeppolChannel(known.model_copy(update={"tls_authorities": other})),
    )
    try:
        assert serving.smp_address.startswith("https://")
        assert await trusting.prepare(job(invoice()))
        with pytest.raises(Refused, match="CERTIFICATE_VERIFY_FAILED") as refused:
            await doubting.prepare(job(invoice()))
        assert refused.value.retryable
    finally:
        await trusting.close()
        await doubting.close()
        await serving.stop()
