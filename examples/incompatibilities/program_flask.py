"""A web application that answers one request."""


def work() -> None:
    """Make the application, as its module does when it is imported, and ask it something."""
    from flask import Flask  # noqa: PLC0415 - where these two packages do not get along, it fails here

    app = Flask("orders")
    app.get("/orders")(lambda: {"orders": 3})
    with app.test_client() as client:
        assert client.get("/orders").json == {"orders": 3}  # noqa: S101
