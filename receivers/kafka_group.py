"""Membership of a consumer group: which partitions are ours, what comes from them, and how far it was dealt with."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from otel_insights.errors import ConfigError

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 64
"""Messages that are taken before their offsets are committed."""
_WAIT: Final = 0.25
"""Seconds for which messages are waited for: a bound on how long leaving takes."""
_REFRESH_MS: Final = 10_000
"""Between two questions for the topics that there are."""

Partition = tuple[str, int]
T = TypeVar("T")


def partition_of(message: Message) -> Partition:
    """Tell where a message comes from."""
    return message.topic() or "", message.partition() or 0


@dataclass(slots=True)
class Membership:
    """librdkafka's consumer in a thread of its own: it calls us back, about partitions, only while it is polled.

    What was dealt with and could not be committed comes again, to us or to another member, as after any retry.
    """

    properties: dict[str, Any]
    name: str
    """For the thread, and the log."""
    _consumer: Consumer = field(init=False)
    _thread: ThreadPoolExecutor = field(init=False)
    _backlog: list[Message] = field(default_factory=list, init=False)
    """Came with a sign of life, from a partition that was not ours before."""
    _done: dict[Partition, int] = field(default_factory=dict, init=False)
    """The offset after the last message that was dealt with, where that is not committed yet."""
    _ours: set[Partition] = field(default_factory=set, init=False)
    _left: set[Partition] = field(default_factory=set, init=False)
    """Were ours, and are not any more."""

    def open(self) -> None:
        """Make the consumer. Raises ConfigError for properties that librdkafka does not take."""
        properties = {
            **self.properties,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            # a topic that comes into being after us is found within this, and not in five minutes
            "topic.metadata.refresh.interval.ms": _REFRESH_MS,
            "partition.assignment.strategy": "cooperative-sticky",
            "logger": logger,
        }
        try:
            self._consumer = Consumer(properties)
        except KafkaException as error:
            raise ConfigError(self.name, f"settings that the client takes: {error}") from error
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=self.name)

    async def join(self, topics: Sequence[str]) -> None:
        """Ask for a share of the partitions of these topics."""
        await self._call(lambda: self._consumer.subscribe(list(topics), self._given, self._taken, self._lost))

    async def leave(self) -> None:
        """Commit, and give our partitions back, so that others take over at once."""
        await self.commit()
        with contextlib.suppress(KafkaException):
            await self._call(self._consumer.close)
        self._thread.shutdown()

    async def take(self) -> list[Message]:
        """Wait a moment for messages."""
        waited, self._backlog = self._backlog, []
        return waited + await self._call(lambda: self._taken_from(_AT_ONCE, _WAIT))

    async def show_life(self) -> None:
        """Poll without taking more: who does not poll for minutes is taken for dead."""
        self._backlog += await self._call(self._poll_paused)

    async def go_on(self) -> None:
        """Take messages again, after `show_life`."""
        await self._call(lambda: self._consumer.resume(self._consumer.assignment()))

    def is_ours(self, message: Message) -> bool:
        """Tell whether the message's partition is still ours."""
        return partition_of(message) in self._ours

    def done(self, message: Message) -> None:
        """Note that a message, and every one before it in its partition, has been dealt with."""
        self._done[partition_of(message)] = (message.offset() or 0) + 1

    async def commit(self) -> None:
        """Commit how far messages have been dealt with."""
        if self._done:
            await self._call(lambda: self._commit(set(self._done)))

    async def lag(self) -> dict[Partition, int]:
        """Tell how many messages of each of our partitions have not been taken yet; 0 for those that we have left."""
        return await self._call(self._lag)

    async def _call(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # below: in the thread

    def _poll_paused(self) -> list[Message]:
        self._consumer.pause(self._consumer.assignment())
        return self._taken_from(1, 0)

    def _taken_from(self, most: int, seconds: float) -> list[Message]:
        messages = []
        for one in self._consumer.consume(most, seconds):
            if error := one.error():
                logger.warning("%s: %s", self.name, error.str())
            else:
                messages.append(one)
        return messages

    def _given(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        given = {(one.topic, one.partition) for one in partitions}
        self._ours |= given
        self._left -= given

    def _taken(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        taken = {(one.topic, one.partition) for one in partitions}
        self._commit(taken & set(self._done))
        self._forget(taken)

    def _lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._forget({(one.topic, one.partition) for one in partitions})

    def _forget(self, partitions: set[Partition]) -> None:
        self._ours -= partitions
        self._left |= partitions
        for one in partitions:
            self._done.pop(one, None)

    def _commit(self, partitions: set[Partition]) -> None:
        offsets = [TopicPartition(*one, self._done[one]) for one in partitions]
        if not offsets:
            return
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() == KafkaError._NO_OFFSET:  # noqa: SLF001 - how the client names it
                return
            logger.warning("%s: not committed, so some comes again: %s", self.name, error)
        else:
            for one in offsets:
                if self._done.get((one.topic, one.partition)) == one.offset:
                    del self._done[one.topic, one.partition]

    def _lag(self) -> dict[Partition, int]:
        lags = dict.fromkeys(self._left, 0)
        self._left.clear()
        for one in self._consumer.position(self._consumer.assignment()):
            _, end = self._consumer.get_watermark_offsets(one, cached=True)
            if one.offset >= 0 and end >= 0:
                lags[one.topic, one.partition] = max(0, end - one.offset)
        return lags
