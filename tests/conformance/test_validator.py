"""The rule workers: they survive, they refuse, and they skip nothing in silence."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from shared.einvoice.rules import (
    BR_FR,
    CEN,
    PEPPOL,
    UBL_XSD,
    RuleSet,
    RuleSetMissing,
    Validator,
    ValidatorBroken,
    ValidatorBusy,
)
from shared.einvoice.rules.catalogue import Jar, describe
from shared.einvoice.syntax import ubl
from shared.einvoice.xml import DoctypeForbidden
from tests.unit.einvoice.samples import belgian, issued, line

ALL = (UBL_XSD, CEN, PEPPOL)
GOOD = ubl.write(issued(belgian()))
BAD = GOOD.replace(b">664.42<", b">664.43<")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def validator(rule_sets: dict[str, RuleSet]) -> AsyncIterator[Validator]:
    async with Validator(tuple(rule_sets.values())) as running:
        yield running


def workers() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


async def test_good_passes_and_bad_is_named(validator: Validator) -> None:
    assert await validator.validate(GOOD, ALL) == []
    assert {f.rule for f in await validator.validate(BAD, ALL)} >= {"BR-CO-15"}


async def test_a_killed_worker_is_replaced_and_its_document_judged(validator: Validator) -> None:
    await validator.validate(GOOD, ALL)
    for worker in workers():
        os.kill(worker.pid, signal.SIGKILL)
    assert {f.rule for f in await validator.validate(BAD, ALL)} >= {"BR-CO-15"}


async def test_workers_killed_in_mid_work_lose_no_document(validator: Validator) -> None:
    jobs = [asyncio.create_task(validator.validate(BAD, ALL)) for _ in range(40)]
    await jobs[0]
    for worker in workers():
        os.kill(worker.pid, signal.SIGKILL)
    assert all({f.rule for f in found} >= {"BR-CO-15"} for found in await asyncio.gather(*jobs))


class Killed:
    """What kills the process that unpacks it: the worker, over the document it is given."""

    def __reduce__(self) -> tuple[object, ...]:
        return _end, ()


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def test_a_document_that_kills_its_judges_is_told_from_those_beside_it(
    rule_sets: dict[str, RuleSet],
) -> None:
    killing: Any = Killed()
    async with Validator((rule_sets[CEN],)) as validator:
        beside = [validator.validate(GOOD, (CEN,)) for _ in range(3)]
        killed, *others = await asyncio.gather(
            validator.validate(killing, (CEN,)), *beside, return_exceptions=True
        )
        assert isinstance(killed, ValidatorBroken)
        assert others == [[], [], []]
        assert await validator.validate(GOOD, (CEN,)) == []


async def test_a_document_that_takes_too_long_is_given_up_and_the_next_is_judged(
    rule_sets: dict[str, RuleSet],
) -> None:
    long = ubl.write(issued(belgian(lines=tuple(line() for _ in range(8000)))))
    async with Validator((rule_sets[UBL_XSD], rule_sets[CEN]), longest_seconds=0.5) as validator:
        with pytest.raises(ValidatorBroken):
            await validator.validate(long, (UBL_XSD, CEN))
        assert await validator.validate(GOOD, (UBL_XSD, CEN)) == []


async def test_a_doctype_never_reaches_the_rules(validator: Validator) -> None:
    with pytest.raises(DoctypeForbidden):
        await validator.validate(b"<!DOCTYPE a><a/>", ALL)


async def test_an_unknown_set_is_an_error_and_not_a_pass(validator: Validator) -> None:
    with pytest.raises(RuleSetMissing, match="no-such-set"):
        await validator.validate(GOOD, (*ALL, "no-such-set"))


async def test_a_document_invalid_by_the_schema_is_refused_by_it(validator: Validator) -> None:
    broken = GOOD.replace(b"cbc:IssueDate", b"cbc:IssuedDate")
    (finding, *_) = await validator.validate(broken, ALL)
    assert finding.rule == "UBL-XSD"
    assert "IssuedDate" in finding.message


async def test_more_than_the_queue_holds_is_refused(rule_sets: dict[str, RuleSet]) -> None:
    async with Validator((rule_sets[CEN],), queue=2) as small:
        jobs = [asyncio.create_task(small.validate(GOOD, (CEN,))) for _ in range(3)]
        results = await asyncio.gather(*jobs, return_exceptions=True)
    assert sum(isinstance(result, ValidatorBusy) for result in results) == 1
    assert results.count([]) == 2


async def test_a_missing_rule_set_stops_the_start(rule_sets: dict[str, RuleSet]) -> None:
    gone = replace(rule_sets[PEPPOL], source=Jar("no-such.jar", "x.xslt"))
    with pytest.raises(RuleSetMissing, match=r"no-such\.jar.*FACTEUR_RULES_DIR"):
        await Validator((gone,)).start()


async def test_a_rule_set_that_does_not_compile_stops_the_start(
    rule_sets: dict[str, RuleSet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "bad.jar", "w") as jar:
        jar.writestr("bad.xslt", '<x:stylesheet xmlns:x="http://www.w3.org/1999/XSL/Transform" version="2.0">'
                     '<x:template match="["/></x:stylesheet>')  # fmt: skip
    monkeypatch.setenv("FACTEUR_RULES_DIR", str(tmp_path))
    broken = Validator((replace(rule_sets[BR_FR], source=Jar("bad.jar", "bad.xslt")),))
    try:
        with pytest.raises(RuleSetMissing, match="does not compile"):
            await broken.start()
    finally:
        await broken.close()


def test_the_rules_in_force_can_be_printed(rule_sets: dict[str, RuleSet]) -> None:
    table = describe(rule_sets[CEN].valid_from.replace(year=2027))
    assert "MISSING" not in table
    assert "2026.5" in table
