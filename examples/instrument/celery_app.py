"""Celery with a prefork pool: what a task raises becomes its result; it is reported by a signal, in the worker's child.

`python celery_app.py` runs a worker and gives it two tasks; `celery --app celery_app worker` only runs it. Needs
Celery, and no broker: messages are files.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from celery import Celery
from celery.signals import task_failure

import otel_insights

FOLDER = os.environ.setdefault("CELERY_APP_FOLDER", tempfile.mkdtemp())
app = Celery("shop", broker="filesystem://", backend=f"file://{FOLDER}")
app.conf.broker_transport_options = {
    "data_folder_in": FOLDER,
    "data_folder_out": FOLDER,
    "control_folder": f"{FOLDER}/control",
    "polling_interval": 0.1,
}
stock = {"apple": 3}
otel_insights.instrument(service_name="celery-shop")


@app.task
def buy(name: str) -> int:
    """Sell one thing."""
    return stock[name]


@task_failure.connect
def report(sender: object, exception: Exception, task_id: str, **_: object) -> None:
    """Tell what a task raised."""
    attributes = {"messaging.message.id": task_id, "code.function.name": getattr(sender, "name", "")}
    otel_insights.record_exception(exception, attributes=attributes)


if __name__ == "__main__":
    own = Path(__file__)
    worker = [sys.executable, "-m", "celery", "--app", f"{own.stem}:app", "worker"]
    options = ["--pool=prefork", "--concurrency=1", "--loglevel=error", "--without-gossip", "--without-mingle"]
    process = subprocess.Popen([*worker, *options], cwd=own.parent, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
    name = f"{own.stem}.buy"  # as the worker calls it
    for sold in ("apple", "pear"):
        print(repr(app.send_task(name, [sold]).get(timeout=30, propagate=False)))
    process.terminate()
    process.wait(30)
