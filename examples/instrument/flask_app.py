"""Flask: what a request raises is caught by Flask, which sends a signal; it is reported from there.

`python flask_app.py` asks for two pages; `flask --app flask_app run` serves. Needs Flask.
"""

from flask import Flask, got_request_exception, request

import otel_insights

otel_insights.instrument(service_name="flask-shop")
app = Flask(__name__)
stock = {"apple": 3}


@app.get("/<name>")
def buy(name: str) -> str:
    """Sell one thing."""
    return f"{stock[name]} left\n"


@got_request_exception.connect_via(app)
def report(_sender: Flask, exception: Exception, **_: object) -> None:
    """Tell what a request raised, and where."""
    otel_insights.record_exception(exception, attributes={"url.path": request.path})


if __name__ == "__main__":
    for path in ("/apple", "/pear"):
        print(app.test_client().get(path).status)
