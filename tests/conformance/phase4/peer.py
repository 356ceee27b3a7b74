"""The Java access point as a process: built once by Maven, started on a port of its own."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from lxml import etree

from deploy.local.pki import Pki
from services.delivery.peppol.xml import parse
from tests.need import need

SOURCES = Path(__file__).parent
CACHE = Path(__file__).parents[3] / ".cache" / "phase4"
XERCES = "com.sun.org.apache.xerces.internal.jaxp"
XALAN = "com.sun.org.apache.xalan.internal.xsltc.trax"
JVM = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xmx512m",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    # looked up anew for every message otherwise: seven times slower
    f"-Djavax.xml.parsers.DocumentBuilderFactory={XERCES}.DocumentBuilderFactoryImpl",
    f"-Djavax.xml.parsers.SAXParserFactory={XERCES}.SAXParserFactoryImpl",
    f"-Djavax.xml.transform.TransformerFactory={XALAN}.TransformerFactoryImpl",
)


@dataclass(frozen=True)
class Kept:
    """One document as phase4 kept it."""

    message_id: str
    instance: str
    sender: str
    receiver: str
    document_type: str
    process: str
    country: str
    compressed: bool
    document: bytes


class Phase4:
    def __init__(self, process: "subprocess.Popen[str]", folder: Path, port: int) -> None:
        self._process, self._folder = process, folder
        self.url = f"http://127.0.0.1:{port}"

    @property
    def received(self) -> list[Kept]:
        index = self._folder / "received" / "index.tsv"
        lines = index.read_text().splitlines() if index.exists() else []
        return [self._kept(line.split("\t")) for line in lines]

    def _kept(self, fields: list[str]) -> Kept:
        *named, compressed, file = fields
        message_id, instance, sender, receiver, document_type, process, country = named
        enveloped = parse((self._folder / "received" / file).read_bytes(), 20_000_000)
        document = etree.tostring(enveloped[-1], with_tail=False)
        return Kept(
            message_id, instance, sender, receiver, document_type, process, country,
            compressed == "true", document,
        )  # fmt: skip

    async def send(
        self, url: str, certificate: Path, document: bytes, **parameters: str
    ) -> dict[str, str]:
        """Send by phase4; its words by their first word (`result`, `receipt`, `digests`, `error` …)."""
        query = {"url": url, "cert": str(certificate), **parameters}
        async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
            answer = await client.post(f"{self.url}/send", params=query, content=document)
        return dict(line.split(" ", 1) for line in answer.text.splitlines() if " " in line)

    def stop(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def running(pki: Pki, ap_id: str, folder: Path) -> Iterator[Phase4]:
    """A phase4 access point of that id; skipped in plain sight where Java or Maven is absent."""
    need(
        shutil.which("java") and shutil.which("javac") and shutil.which("mvn"),
        "needs a JDK 17 and Maven",
    )
    built = build()
    pki.access_point(ap_id)
    folder.mkdir(parents=True, exist_ok=True)
    files = [pki.folder / f"{ap_id}.pem", pki.folder / f"{ap_id}.key", pki.folder / "root-ca.pem"]
    with (folder / "phase4.log").open("w") as log:
        process = subprocess.Popen(
            [_tool("java"), *JVM, "-cp", f"{built / 'classes'}:{built / 'libs'}/*", "facteur.Peer", str(folder),
             *map(str, files), str(pki.folder / "ap-ca.pem")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
    assert process.stdout is not None
    words = process.stdout.readline().split()
    assert words[:1] == ["port"], (folder / "phase4.log").read_text()[-3000:]
    peer = Phase4(process, folder, int(words[1]))
    try:
        yield peer
    finally:
        peer.stop()


def _tool(name: str) -> str:
    found = shutil.which(name)
    need(found, "phase4 needs a JDK 17 and Maven")
    return str(found)


def build() -> Path:
    """Jars by Maven and classes by javac, in a folder named after the hash of the sources."""
    sources = sorted(SOURCES.rglob("*.java"))
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in [SOURCES / "pom.xml", *sources]))
    built = CACHE / digest.hexdigest()[:16]
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (built / "complete").exists():
            _make(built, sources)
    return built


def _make(built: Path, sources: list[Path]) -> None:
    libs, classes = built / "libs", built / "classes"
    maven = [_tool("mvn"), "-B", "-q", "-f", str(SOURCES / "pom.xml"), "dependency:copy-dependencies",
             "-DincludeScope=runtime", f"-DoutputDirectory={libs}"]  # fmt: skip
    done = subprocess.run(maven, capture_output=True, text=True, timeout=500, check=False)
    need(done.returncode == 0, f"the jars of phase4 can't be had: {done.stdout[-500:]}")
    subprocess.run(
        [_tool("javac"), "-nowarn", "-cp", f"{libs}/*", "-d", str(classes), *map(str, sources)],
        check=True, timeout=120, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    (built / "complete").touch()
