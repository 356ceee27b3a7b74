"""A partner's consumer: prints issued invoices and their proofs of delivery. Needs aiokafka alone.

python consumer.py [BOOTSTRAP [GROUP]]      (default: 127.0.0.1:9092, partner-example)
"""

import asyncio
import json
import sys

from aiokafka import AIOKafkaConsumer

TOPICS = ("invoice.issued", "delivery.succeeded", "delivery.failed")


async def main(bootstrap: str = "127.0.0.1:9092", group: str = "partner-example") -> None:
    consumer = AIOKafkaConsumer(
        *TOPICS,
        bootstrap_servers=bootstrap,
        group_id=group,
        auto_offset_reset="earliest",  # a new group begins with the first invoice ever
        enable_auto_commit=False,
        max_partition_fetch_bytes=32 * 1024 * 1024,  # a document of 10 MiB in its envelope
    )
    await consumer.start()
    try:
        async for record in consumer:
            headers = dict(record.headers)
            fact = json.loads(record.value)
            # the same event may come twice: remember ce_id, or make your effect idempotent
            event_id = headers["ce_id"].decode()
            outcome = [fact[name] for name in ("channel", "proof", "words") if fact.get(name)]
            print(record.topic, event_id, fact["number"], *outcome, flush=True)
            await consumer.commit()
    finally:
        await consumer.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
