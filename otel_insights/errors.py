"""Every error that otel-insights raises on purpose.

    InsightsError
    +- ConfigError        the configuration is wrong; the message begins with the path of the key
    +- Refused            not now: try again, after `retry_after` seconds if that is known
    +- Unauthenticated    the sender did not say who it is, or said it wrongly
    +- BadData            never: the same bytes will be refused again
       +- TooLarge        over a size limit

A caller of the data path has one question, "try again?", and two classes answer it: `Refused` yes, `BadData` no.
Anything else that is raised there is a bug of ours and counts as "yes", for the sender's data is not to blame.
"""

_NOTHING = object()


class InsightsError(Exception):
    """The root: `except InsightsError` catches what was foreseen and nothing else."""


class ConfigError(InsightsError):
    """A setting is wrong: its path, then what was expected; with `got`, what stood there instead.

    >>> print(ConfigError("processors.exceptions.min_cluster_size", "an integer of at least 2", "five"))
    processors.exceptions.min_cluster_size: expected an integer of at least 2, got 'five'
    >>> print(ConfigError("service.pipelines", "at least one pipeline is needed"))
    service.pipelines: at least one pipeline is needed
    """

    def __init__(self, path: str, expected: str, got: object = _NOTHING) -> None:
        text = expected if got is _NOTHING else f"expected {expected}, got {got!r}"
        super().__init__(f"{path}: {text}" if path else text)
        self.path = path
        self.expected = expected


class Refused(InsightsError):  # noqa: N818  # the names say what happened, and what to do
    """What was asked cannot be done now, and may be later; `retry_after` is in seconds, None where nobody knows."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unauthenticated(InsightsError):  # noqa: N818
    """The credentials are missing or wrong."""


class BadData(InsightsError):  # noqa: N818
    """What was sent cannot be understood, now or later."""


class TooLarge(BadData):
    """What was sent is over a limit of size."""
