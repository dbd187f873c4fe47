"""What the API answers of environments and services."""

from __future__ import annotations

from pydantic import Field

from otel_insights.api.shapes import Shape


class Environment(Shape):
    """Who sends: a service's instance. Environments of two namespaces are never compared."""

    id: int = Field(description="Its number in this store")
    namespace: str = Field(description="`service.namespace`", examples=["shop"])
    service: str = Field(description="`service.name`", examples=["checkout"])
    instance: str = Field(description="`service.instance.id`, or host and process")
    exposure: float = Field(description="Spans and log records that it sent: how much work it did", examples=[1200.0])
    packages: int = Field(description="How many packages are known of it", examples=[84])
    first_seen: str = Field(examples=["2026-01-02T03:04:05.000000Z"])
    last_seen: str = Field(examples=["2026-01-02T03:04:05.000000Z"])


class EnvironmentPage(Shape):
    """Environments, and where the next page begins."""

    items: list[Environment]
    next: int | None = Field(description="The `cursor` of the next page", examples=[100])


class FailingIn(Shape):
    """A cluster that an environment fails in, as of the last analysis."""

    cluster_id: str
    title: str
    count: float
    first_seen: str
    last_seen: str


class EnvironmentInFull(Environment):
    """An environment with all that is known of it."""

    configuration: dict[str, str] = Field(examples=[{"package.numpy": "2.0.0", "os.type": "linux"}])
    failing_in: list[FailingIn]


class ComparedEnvironment(Environment):
    """One of two environments that are compared."""

    failing_in: list[FailingIn]


class Difference(Shape):
    """A key with other values in two environments; null where one has none."""

    key: str = Field(examples=["package.numpy"])
    one: str | None = Field(examples=["2.0.0"])
    other: str | None = Field(examples=["1.26.4"])


class EnvironmentComparison(Shape):
    """What differs between two environments."""

    one: ComparedEnvironment
    other: ComparedEnvironment
    differing: list[Difference]
    equal: int = Field(description="Keys with equal values")
    only_one_fails_in: list[str] = Field(description="Ids of clusters")
    only_other_fails_in: list[str]


class KnownService(Shape):
    """A service, over all its environments."""

    namespace: str
    name: str = Field(examples=["checkout"])
    environments: int
    failing_environments: int
    exposure: float
    first_seen: str
    last_seen: str


class ServicePage(Shape):
    """Services, and where the next page begins."""

    items: list[KnownService]
    next: str | None = Field(description="The `cursor` of the next page")
