"""What a partner's Kafka user may do: read the public topics, with consumer groups of its own."""

from dataclasses import dataclass
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest

from shared.contracts.registry import CONTRACTS
from shared.settings import KafkaSettings
from shared.topics import client_options

# numbers of Kafka's protocol (KIP-140, KIP-290)
TOPIC, GROUP = 2, 3
LITERAL, PREFIXED = 3, 4
READ, DESCRIBE = 3, 8
ALLOW: Final = 3


@dataclass(frozen=True)
class Permission:
    """One line of what is allowed."""

    resource: int
    name: str
    pattern: int
    operation: int

    def __str__(self) -> str:
        what = "topic" if self.resource == TOPIC else "groups that begin with"
        return f"{'read' if self.operation == READ else 'describe'} {what} {self.name}"


def permissions(user: str) -> list[Permission]:
    """Of a partner, from the contracts: what isn't marked public isn't in it."""
    public = sorted(topic for topic, kind in CONTRACTS.items() if kind.public)
    topics = [Permission(TOPIC, t, LITERAL, op) for t in public for op in (READ, DESCRIBE)]
    return [*topics, Permission(GROUP, user, PREFIXED, READ)]


async def allow(user: str) -> None:
    """Allow it; asked again, nothing changes. Needs a user who may alter the cluster."""
    admin = AIOKafkaAdminClient(**client_options(KafkaSettings()))
    await admin.start()
    try:
        for wanted in permissions(user):
            await _create(admin, user, wanted)
            if wanted.operation == READ:
                print(f"{user} may {wanted}")
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, user: str, wanted: Permission) -> None:
    request = CreateAclsRequest(
        wanted.resource, wanted.name, wanted.pattern, f"User:{user}", "*", wanted.operation, ALLOW
    )
    answer = await admin._send_to_controller(request)  # noqa: SLF001 — it has no public call
    for code, message in answer.creation_responses:
        if code:
            raise LookupError(f"the broker refuses to let {user} {wanted}: {message or code}")
