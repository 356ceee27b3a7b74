"""What runs in a worker process of `Validator`."""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import parent_process
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from shared.einvoice.rules.catalogue import RuleSet, RuleSetMissing
from shared.einvoice.rules.finding import Finding

if TYPE_CHECKING:
    from shared.einvoice.rules.processor import RuleProcessor

_processor: "RuleProcessor | None" = None
_failure: RuleSetMissing | None = None
_longest_seconds = 60.0


def start(rule_sets: Sequence[RuleSet], longest_seconds: float) -> None:
    """Compile the rule sets; a failure is kept, and raised by whatever is asked of this worker."""
    global _processor, _failure, _longest_seconds  # noqa: PLW0603 the state of this process
    _longest_seconds = longest_seconds
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    threading.Thread(target=end_with_parent, name="end-with-parent", daemon=True).start()
    from shared.einvoice.rules.processor import RuleProcessor

    try:
        _processor = RuleProcessor(rule_sets)
    except RuleSetMissing as error:
        _failure = error


def ready() -> int:
    """This worker's process id, once its rules are compiled; RuleSetMissing if they can't be."""
    _loaded()
    return os.getpid()


def judge(xml: bytes, names: Sequence[str]) -> list[Finding]:
    """What the named rule sets find in the document; one that takes too long ends this process."""
    processor = _loaded()
    with at_most(_longest_seconds):
        return processor.findings(xml, names)


def _loaded() -> "RuleProcessor":
    if _processor is None:
        raise _failure or RuleSetMissing("the worker has not loaded its rule sets")
    return _processor


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """What takes longer ends this process: the alarm is the kernel's, because neither Saxon nor the
    typesetter listens to anybody while it works."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)
