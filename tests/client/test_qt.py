"""Qt: messages, and exceptions that leave a slot. Needs PySide6 or PyQt6, whichever is installed."""

import importlib.util

import pytest

BINDING = next((name for name in ("PySide6", "PyQt6") if importlib.util.find_spec(name)), None)
pytestmark = pytest.mark.skipif(BINDING is None, reason="neither PySide6 nor PyQt6 is installed")

WITH_QT = """
SETUP
from BINDING import QtCore
app = QtCore.QCoreApplication([])
QtCore.qDebug("not worth a word")
for _ in range(3):
    QtCore.qWarning("cannot read /home/ann/x")
def slot():
    raise ValueError("in a slot")
QtCore.QTimer.singleShot(0, slot)
QtCore.QTimer.singleShot(20, app.quit)
app.exec()
print("goes on")
"""
OWN_HANDLER = """
SETUP
from BINDING import QtCore
def handler(kind, context, message):
    print("the handler of the application:", message)
QtCore.qInstallMessageHandler(handler)
QtCore.qWarning("seen")
"""


async def test_messages_and_slots_are_reported_once_and_all_is_shown_as_without_us(world):
    outcome, without = await world.both(WITH_QT.replace("BINDING", BINDING))
    messages = [one for one in outcome.events if one.name == "otel_insights.qt.message"]
    assert [(one.severity, one.attributes["otel_insights.qt.message"]) for one in messages] == [
        ("WARN", "cannot read ~/x")
    ]
    (event,) = outcome.exceptions
    assert event.attributes["otel_insights.exception.mechanism"] == "qt"
    # PyQt aborts where nobody has set a hook, PySide goes on
    assert event.severity == ("ERROR" if without.code == 0 else "FATAL")


async def test_a_handler_of_the_application_stands_alone(world):
    outcome, _ = await world.both(OWN_HANDLER.replace("BINDING", BINDING))
    assert outcome.out == "the handler of the application: seen\n"
