"""A letter from a template."""


def work() -> None:
    """Fill a template in."""
    from jinja2 import Template  # noqa: PLC0415 - where these two packages do not get along, it fails here

    assert Template("Dear {{ name }}").render(name="Ada") == "Dear Ada"  # noqa: S101
