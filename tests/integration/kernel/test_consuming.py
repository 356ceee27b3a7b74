"""Consuming on Apache Kafka: nothing is lost, nothing twice, poison is set aside with its reason."""

from uuid import uuid4

import pytest

from shared.events import MAX_EVENT_BYTES
from shared.topics import MAX_RECORD_BYTES
from tests.integration.kernel.conftest import REJECTED_NAME, Tally, record, running
from tests.services import eventually

pytestmark = pytest.mark.kafka


async def heard(tally: Tally, *names: str) -> None:
    """Wait until exactly these took effect."""

    async def same() -> bool:
        return [n for n in await tally.heard() if n in names] == sorted(names)

    await eventually(same)


@pytest.mark.parametrize("together", [False, True], ids=["each alone", "a batch as one"])
async def test_an_event_sent_twice_takes_effect_once(tally: Tally, together: bool) -> None:
    tally.together = together
    twice = record(tally.event("twice"))
    await tally.publish(twice, twice, record(tally.event("after")))
    async with running(tally):
        await heard(tally, "after", "twice")
    assert (await tally.heard()).count("twice") == 1


async def test_poison_is_dead_lettered_with_its_reason_and_the_partition_goes_on(
    tally: Tally,
) -> None:
    good = tally.event("good")
    key, value, headers = record(good)
    poison = {
        "not JSON": (key, b"\xff{not json", headers),
        "wrong schema": (key, b'{"profile_id": 7}', headers),
        "unknown version": record(
            good, ce_dataschema=f"urn:facteur:schema:{tally.kind.topic}:99".encode()
        ),
        "another topic's schema": record(
            good, ce_dataschema=b"urn:facteur:schema:invoice.issued:1"
        ),
        "header missing": (key, value, [h for h in headers if h[0] != "ce_id"]),
        "no headers": (key, value, []),
        "header not UTF-8": record(good, ce_source=b"\xff\xfe"),
        "no value": (key, None, headers),
        "another key": (str(uuid4()).encode(), value, headers),
        "oversized": (key, b" " * (MAX_EVENT_BYTES + 1), headers),
        "rejected by its content": record(tally.event(REJECTED_NAME)),
        "handler's mistake": record(tally.event("breaks")),
    }
    await tally.publish(*poison.values(), partition=0)
    await tally.publish(record(tally.event("behind the poison")), partition=0)
    async with running(tally):
        await heard(tally, "behind the poison")
        letters = await tally.dead_letters()
    reasons = [headers["facteur-reason"] for _, headers in letters]
    assert len(letters) == len(poison), reasons
    assert all(
        h["facteur-origin-topic"] == tally.kind.topic and h["facteur-handler"] for _, h in letters
    )
    for part in ("version 99", "ce_id is missing", "isn't UTF-8", "no value", "key isn't", "are more than",
                 "never accepted", "a mistake in the handler"):  # fmt: skip
        assert any(part in reason for reason in reasons), (part, reasons)


async def test_a_record_as_large_as_the_topic_takes_is_set_aside_like_any_other(
    tally: Tally,
) -> None:
    """Its dead letter is larger still: the headers say why."""
    room = MAX_RECORD_BYTES - 2048
    await tally.publish((b"k", b" " * room, []), record(tally.event("behind it")), partition=0)
    async with running(tally):
        await heard(tally, "behind it")
        ((value, _),) = await tally.dead_letters()
    assert value is not None
    assert len(value) == room


async def test_a_reply_to_header_publishes_nothing_anywhere(tally: Tally) -> None:
    await tally.publish(record(tally.event("asks for a reply"), reply_to=b"session.revoked"))
    async with running(tally):
        await heard(tally, "asks for a reply")
        assert await tally.dead_letters() == []


@pytest.mark.parametrize("together", [False, True], ids=["each alone", "a batch as one"])
async def test_one_bad_record_in_a_batch_over_two_partitions_costs_no_other(
    tally: Tally, together: bool
) -> None:
    tally.together = together
    names = [f"n{number:03}" for number in range(100)]
    await tally.publish(*(record(tally.event(n)) for n in names[:50]), partition=0)
    await tally.publish(record(tally.event(REJECTED_NAME)), partition=1)
    await tally.publish(*(record(tally.event(n)) for n in names[50:]), partition=1)
    async with running(tally):
        await heard(tally, *names)
        assert len(await tally.dead_letters()) == 1
    assert await tally.heard() == names


async def test_a_dead_letter_put_back_takes_effect_for_that_service_alone(tally: Tally) -> None:
    from shared.records import LANE, ORIGIN_TOPIC

    key, value, headers = record(tally.event("put back"))
    back = [*headers, (ORIGIN_TOPIC, tally.kind.topic.encode()), (LANE, b"facts")]
    elsewhere = [*headers, (ORIGIN_TOPIC, b"session.revoked"), (LANE, b"access")]
    await tally.publish((key, value, elsewhere), (key, value, back), topic=f"retry.{tally.service}")
    async with running(tally):
        await heard(tally, "put back")
        assert await tally.dead_letters() == []


async def test_stopping_in_the_middle_loses_and_repeats_nothing(tally: Tally) -> None:
    names = [f"s{number:04}" for number in range(1500)]
    await tally.publish(*(record(tally.event(n)) for n in names[:500]))
    async with running(tally):
        await heard(tally, *names[:500])
        await tally.publish(*(record(tally.event(n)) for n in names[500:]))
    async with running(tally):
        await heard(tally, *names)
    assert await tally.heard() == names


async def test_a_batch_that_is_cut_off_is_applied_and_its_lane_goes_on(tally: Tally) -> None:
    """Not by somebody who ends the lane: by a future that its handler waits for."""
    tally.cut_off = ["cut off"]
    await tally.publish(record(tally.event("cut off")), partition=0)
    async with running(tally):
        await heard(tally, "cut off")
        await tally.publish(record(tally.event("afterwards")), partition=0)
        await heard(tally, "afterwards", "cut off")
        assert await tally.dead_letters() == []
