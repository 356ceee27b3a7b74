"""Which broker the embedded mode runs: Apache Kafka where it can, else Tansu, and the reason."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deploy.local import kafka, tansu
from deploy.local.process import Program, Running, StartError, start, stop

BrokerKind = Literal["kafka", "tansu"]


@dataclass(frozen=True)
class Choice:
    """The broker to run and the reason, in words for whoever starts it."""

    kind: BrokerKind
    reason: str
    insisted: bool = False
    """Another broker won't do."""


@dataclass(frozen=True)
class Broker:
    """A broker that answers."""

    kind: BrokerKind
    bootstrap: str
    """host:port for clients."""
    pid: int
    running: Running

    def stop(self) -> None:
        stop(self.running)


def choose(forced: str | None = None) -> Choice:
    """Decide without downloading anything; FACTEUR_BROKER=kafka|tansu decides for it."""
    wanted = forced or os.environ.get("FACTEUR_BROKER") or ""
    if wanted not in ("", "kafka", "tansu"):
        raise StartError(f"FACTEUR_BROKER is {wanted!r}: set it to kafka or tansu, or leave it out")
    if wanted == "tansu":
        return Choice("tansu", "Tansu (memory only), as asked", insisted=True)
    obstacle = kafka.unavailable()
    if wanted == "kafka":
        if obstacle:
            raise StartError(f"FACTEUR_BROKER is kafka, but {obstacle}")
        return Choice("kafka", f"Apache Kafka {kafka.VERSION}, as asked", insisted=True)
    if obstacle:
        return Choice("tansu", f"Tansu (memory only), because Apache Kafka cannot run: {obstacle}")
    return Choice("kafka", f"Apache Kafka {kafka.VERSION}")


def prepare(choice: Choice, root: Path, port: int | None = None) -> tuple[Choice, Program, int]:
    """The program of the chosen broker and its port.

    Kafka's jars may still have to come from the network: when they can't and nobody insisted on
    Kafka, the answer is Tansu, with the reason.
    """
    if choice.kind == "kafka":
        try:
            node = kafka.prepare(root / "kafka", port)
        except StartError as error:
            if choice.insisted:
                raise
            choice = Choice("tansu", f"Tansu (memory only), because {error}")
        else:
            return choice, node.program, node.port
    fallback = tansu.prepare(port)
    return choice, fallback.program, fallback.port


def start_broker(
    root: Path, *, forced: str | None = None, port: int | None = None, log: Path | None = None
) -> Broker:
    """Choose, prepare and start a broker; returns once it answers requests."""
    choice, program, bound = prepare(choose(forced), root, port)
    running = start(program, log or root / f"{choice.kind}.log")
    return Broker(choice.kind, f"127.0.0.1:{bound}", running.pid, running)
