"""Qt: what a slot raises goes past the event loop, which goes on; it is reported, and so are Qt's own warnings.

`QT_QPA_PLATFORM=offscreen python qt_app.py`. Needs PySide6 (its Essentials are enough).
"""

from PySide6.QtCore import QCoreApplication, QTimer

import otel_insights

otel_insights.instrument(service_name="qt-shop")
stock = {"apple": 3}


def buy() -> None:
    """Sell what is not there."""
    print(stock["pear"])


application = QCoreApplication([])
QTimer.singleShot(0, buy)
QTimer.singleShot(50, application.quit)
print("ended with", application.exec())
