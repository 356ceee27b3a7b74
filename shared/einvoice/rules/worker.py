"""What runs in a worker process of `Validator`."""

import os
import signal
import threading
from collections.abc import Sequence
from multiprocessing import parent_process
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from shared.einvoice.rules.catalogue import RuleSet, RuleSetMissing
from shared.einvoice.rules.finding import Finding

if TYPE_CHECKING:
    from shared.einvoice.rules.processor import RuleProcessor

_processor: "RuleProcessor | None" = None
_failure: RuleSetMissing | None = None


def start(rule_sets: Sequence[RuleSet]) -> None:
    """Compile the rule sets; a failure is kept, and raised by whatever is asked of this worker."""
    global _processor, _failure  # noqa: PLW0603 the state of this process
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
    """What the named rule sets find in the document."""
    return _loaded().findings(xml, names)


def _loaded() -> "RuleProcessor":
    if _processor is None:
        raise _failure or RuleSetMissing("the worker has not loaded its rule sets")
    return _processor


def end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)
