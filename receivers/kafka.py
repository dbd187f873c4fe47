"""kafka: reads requests from topics, as a member of a consumer group; what the Collector's Kafka exporter writes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal

from confluent_kafka import KafkaException, Message
from pydantic import Field, model_validator

from otel_insights.component import Consume, Factory, Host, Kind, Receiver, Settings
from otel_insights.errors import BadData, TooLarge
from otel_insights.kafka_client import DEFAULT_TOPICS, ClientSettings, Encoding, Sender, decoded
from otel_insights.payload import Signal
from otel_insights.receivers.kafka_group import Membership, Partition, partition_of
from otel_insights.receivers.offering import Outcome, Pauses, Wait, insist, offer
from otel_insights.selfmetrics import passed
from otel_insights.units import ByteSize, Duration

logger = logging.getLogger(__name__)

LAG: Final = "otel_insights_kafka_lag"
_SIGN_OF_LIFE: Final = 2.0
"""Seconds between two polls while messages are refused."""
_DRAIN: Final = 5.0
_DELIVERY: Final = 10.0
"""Seconds for a message to the dead-letter topic; then it is tried again."""
_QUEUED_KBYTES: Final = 64 * 1024
"""Fetched and not taken yet: a bound on memory."""


class TopicsSettings(Settings):
    """What holds requests of one signal."""

    topics: tuple[str, ...] = Field(min_length=1)
    encoding: Encoding = "otlp_proto"


class KafkaSettings(ClientSettings):
    """Which topics, and from where on."""

    group_id: str = Field(default="otel-insights", min_length=1)
    """Members of a group share the partitions: one for each replica."""
    initial_offset: Literal["latest", "earliest"] = "latest"
    """Where a group begins that has committed nothing yet."""
    traces: TopicsSettings = TopicsSettings(topics=(DEFAULT_TOPICS[Signal.TRACES],))
    metrics: TopicsSettings = TopicsSettings(topics=(DEFAULT_TOPICS[Signal.METRICS],))
    logs: TopicsSettings = TopicsSettings(topics=(DEFAULT_TOPICS[Signal.LOGS],))
    dead_letter_topic: str = ""
    """Where messages go that cannot be read or are not accepted; if empty, they are counted and passed over."""
    max_message_bytes: ByteSize = Field(default=64 * 2**20, gt=0)
    """Larger ones are bad data."""
    session_timeout: Duration = Field(default=45.0, ge=6)
    """After so much silence the group gives our partitions to others."""
    retry_interval: Duration = Field(default=0.5, gt=0)
    """The first pause after a refusal; each further one is twice as long."""
    max_retry_interval: Duration = Field(default=30.0, gt=0)

    def sources(self) -> dict[str, tuple[Signal, Encoding]]:
        """Tell what each topic holds."""
        of = {Signal.TRACES: self.traces, Signal.METRICS: self.metrics, Signal.LOGS: self.logs}
        return {topic: (signal, one.encoding) for signal, one in of.items() for topic in one.topics}

    @model_validator(mode="after")
    def _one_signal(self) -> KafkaSettings:
        named = [topic for one in (self.traces, self.metrics, self.logs) for topic in one.topics]
        if len(set(named)) < len(named):
            raise ValueError("expected topics that are named once: each holds one signal")
        if self.dead_letter_topic in named:
            raise ValueError("expected a dead_letter_topic that is not read")
        return self


@dataclass(slots=True)
class Kafka(Receiver):
    """Deals with partitions side by side, each in its order; commits an offset once its message is accepted."""

    settings: KafkaSettings
    _group: Membership | None = field(default=None, init=False)
    _dead_letters: Sender | None = field(default=None, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def start(self, host: Host) -> None:
        """Check what can be checked; the brokers need not be there yet."""
        await Receiver.start(self, host)
        settings, where = self.settings, f"{Kind.RECEIVER.value}.{self.id}"
        connection = settings.connection(where)
        if settings.dead_letter_topic:
            properties = {**connection, "message.max.bytes": settings.max_message_bytes}
            self._dead_letters = Sender(properties, _DELIVERY)
            self._dead_letters.start()
        group = Membership(
            {
                **connection,
                "group.id": settings.group_id,
                "auto.offset.reset": settings.initial_offset,
                "session.timeout.ms": int(settings.session_timeout * 1000),
                "queued.max.messages.kbytes": _QUEUED_KBYTES,
                "allow.auto.create.topics": True,
            },
            where,
        )
        group.open()
        self._group = group

    async def serve(self, consumers: Mapping[Signal, Consume]) -> None:
        """Join the group, and begin to read the topics of the signals that are wanted."""
        group = self._opened()
        topics = [topic for topic, (signal, _) in self.settings.sources().items() if signal in consumers]
        if not topics:
            return
        await group.join(topics)
        self._task = asyncio.create_task(self._run(group, consumers), name=f"receivers.{self.id}")

    async def stop(self) -> None:
        """Let what is under way end, commit, and leave the group."""
        self._stopping.set()
        if self._task is not None:
            _, late = await asyncio.wait([self._task], timeout=_DRAIN)
            for task in late:
                task.cancel()
        if self._group is not None:
            await self._group.leave()
        if self._dead_letters is not None:
            await asyncio.to_thread(self._dead_letters.stop)

    def _opened(self) -> Membership:
        if self._group is None:
            raise RuntimeError("call start first")
        return self._group

    async def _run(self, group: Membership, consumers: Mapping[Signal, Consume]) -> None:
        while not self._stopping.is_set():
            try:
                messages = await group.take()
                await self._deal_with(messages, group, consumers)
                await group.commit()
                for (topic, partition), lag in (await group.lag()).items():
                    labels = {"receiver": str(self.id), "topic": topic, "partition": str(partition)}
                    self.host.metrics.set(LAG, lag, **labels)
            except KafkaException as error:
                logger.warning("receivers.%s: %s", self.id, error)
                await self._stopped_within(self.settings.retry_interval)

    async def _deal_with(
        self, messages: Sequence[Message], group: Membership, consumers: Mapping[Signal, Consume]
    ) -> None:
        """Deal with messages, each partition's in order; meanwhile the group hears that we are there."""
        of: dict[Partition, list[Message]] = {}
        for one in messages:
            of.setdefault(partition_of(one), []).append(one)
        pending = {asyncio.create_task(self._in_order(part, group, consumers)) for part in of.values()}
        was_long = False
        try:
            while pending:
                finished, pending = await asyncio.wait(pending, timeout=_SIGN_OF_LIFE)
                for task in finished:
                    task.result()
                if pending:
                    was_long = True
                    await group.show_life()
        finally:
            for task in pending:
                task.cancel()
        if was_long:
            await group.go_on()

    async def _in_order(
        self, messages: Sequence[Message], group: Membership, consumers: Mapping[Signal, Consume]
    ) -> None:
        for one in messages:

            async def given_up_within(seconds: float, one: Message = one) -> bool:
                return await self._stopped_within(seconds) or not group.is_ours(one)

            if await given_up_within(0) or not await self._take_one(one, consumers, given_up_within):
                return
            group.done(one)

    async def _take_one(self, message: Message, consumers: Mapping[Signal, Consume], given_up_within: Wait) -> bool:
        """Tell whether the message was dealt with: not if we stop, or if its partition is taken from us, before."""
        signal, encoding = self.settings.sources()[message.topic() or ""]
        value = message.value() or b""
        try:
            if len(value) > self.settings.max_message_bytes:
                raise TooLarge(f"the message has {len(value)} bytes, the limit is {self.settings.max_message_bytes}")
            payload = decoded(signal, encoding, value)
        except BadData as error:
            return await self._bury(message, str(error), given_up_within)
        pauses = Pauses(self.settings.retry_interval, self.settings.max_retry_interval)
        outcome, why = await offer(payload, consumers[signal], pauses, given_up_within, f"receivers.{self.id}")
        if outcome is Outcome.ABANDONED:
            return False
        if outcome is not Outcome.ACCEPTED and not await self._bury(message, why, given_up_within):
            return False
        with contextlib.suppress(BadData):
            name = passed(Kind.RECEIVER, signal.item, outcome.value)
            self.host.metrics.add(name, payload.count, receiver=str(self.id))
        return True

    async def _bury(self, message: Message, why: str, given_up_within: Wait) -> bool:
        """Send a message to the dead-letter topic, if there is one; tell whether that is done."""
        topic, partition = partition_of(message)
        place = f"{topic}[{partition}]@{message.offset()}"
        if self._dead_letters is not None:
            headers = [("otel_insights.error", why.encode()[:1000]), ("otel_insights.source", place.encode())]
            pauses = Pauses(self.settings.retry_interval, self.settings.max_retry_interval)
            send = partial(
                self._dead_letters.send,
                self.settings.dead_letter_topic,
                message.value() or b"",
                key=_key(message),
                headers=headers,
            )
            if not await insist(send, pauses, given_up_within):
                return False
        self.host.metrics.add("otel_insights_dead_letters", receiver=str(self.id), topic=topic)
        logger.warning("receivers.%s: %s: a message was not accepted: %s", self.id, place, why)
        return True

    async def _stopped_within(self, seconds: float) -> bool:
        if seconds:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)
        return self._stopping.is_set()


def _key(message: Message) -> bytes | None:
    key = message.key()
    return key.encode() if isinstance(key, str) else key


FACTORY = Factory(Kind.RECEIVER, "kafka", KafkaSettings, Kafka, frozenset(signal.value for signal in Signal))
