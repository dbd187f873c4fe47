"""Django: what a view raises is caught by Django, which sends a signal; it is reported from there.

`python django_app.py` asks for two pages. In a project, call `instrument()` in manage.py and wsgi.py, and connect the
signal in an AppConfig's `ready`. Needs Django.
"""

import sys

import django
from django.conf import settings
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse
from django.urls import path

import otel_insights

otel_insights.instrument(service_name="django-shop")
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], LOGGING_CONFIG=None)
django.setup()
stock = {"apple": 3}


def buy(_request: HttpRequest, name: str) -> HttpResponse:
    """Sell one thing."""
    return HttpResponse(f"{stock[name]} left\n")


def report(request: HttpRequest, **_: object) -> None:
    """Tell what a request raised: the exception that is being handled."""
    error = sys.exc_info()[1]
    if error is not None:
        otel_insights.record_exception(error, attributes={"url.path": request.path})


got_request_exception.connect(report)
urlpatterns = [path("<str:name>", buy)]

if __name__ == "__main__":
    from django.test import Client

    for page in ("/apple", "/pear"):
        print(Client(raise_request_exception=False).get(page).status_code)
