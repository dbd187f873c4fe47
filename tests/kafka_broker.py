"""A broker for tests: the one that librdkafka has in it, reached over TCP as any other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from confluent_kafka import Consumer, Message, Producer, TopicPartition


@contextmanager
def broker() -> Iterator[str]:
    """Run a broker; gives its `host:port`. Topics come into being with four partitions when they are named."""
    keeper = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "replaced", "log_level": 0})
    (one,) = keeper.list_topics(timeout=30).brokers.values()
    yield f"{one.host}:{one.port}"
    keeper.purge()


def write(at: str, topic: str, *values: bytes, partition: int = 0) -> None:
    """Put messages into a partition of a topic, and return once they are there."""
    producer = Producer({"bootstrap.servers": at, "log_level": 0})
    failed = []
    for value in values:
        producer.produce(topic, value, partition=partition, on_delivery=lambda error, _: error and failed.append(error))
    assert producer.flush(30) == 0
    assert not failed


def read(at: str, topic: str, enough: Callable[[list[Message]], bool]) -> list[Message]:
    """Wait for messages of a topic, from its beginning, until there are enough."""
    consumer = Consumer(
        {"bootstrap.servers": at, "group.id": f"reader-of-{topic}", "auto.offset.reset": "earliest", "log_level": 0}
    )
    consumer.subscribe([topic])
    found: list[Message] = []
    end = monotonic() + 60
    while not enough(found) and monotonic() < end:
        found += [one for one in consumer.consume(100, 0.5) if not one.error()]
    consumer.close()
    return found


def committed(at: str, group: str, topic: str, partition: int = 0) -> int:
    """Tell up to where a group has committed a partition of a topic; -1 where it has not."""
    consumer = Consumer({"bootstrap.servers": at, "group.id": group, "log_level": 0})
    (found,) = consumer.committed([TopicPartition(topic, partition)], timeout=30)
    consumer.close()
    return max(found.offset, -1)
