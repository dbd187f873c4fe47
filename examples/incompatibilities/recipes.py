"""The incompatibilities: which packages go into which environment, and the program that runs in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """What is installed where. `program` is a module beside this one with a function `work`."""

    name: str
    story: str
    program: str
    environments: Sequence[Sequence[str]]
    """Of each environment: what pip is asked for."""


def _all(first: str, versions: Sequence[str], second: str, others: Sequence[str]) -> list[list[str]]:
    return [[f"{first}=={a}", f"{second}=={b}"] for a in versions for b in others]


WERKZEUG_FLASK = Recipe(
    "werkzeug_flask",
    "Flask 2.2 asks for Werkzeug 2.2.2 or later; Werkzeug 3 has dropped `url_quote`, which Flask took until 2.2.5.",
    "program_flask",
    [
        *_all("flask", ["2.2.2", "2.2.3"], "werkzeug", ["2.2.3", "2.3.8", "3.0.6"]),
        *_all("flask", ["2.2.5"], "werkzeug", ["2.3.8", "3.0.6"]),
    ],
)
NUMPY_PANDAS = Recipe(
    "numpy_pandas",
    "pandas 2.0 was built for the memory layout of NumPy 1, and takes NumPy 2 as well.",
    "program_pandas",
    [*_all("pandas", ["2.0.2", "2.0.3", "2.2.3"], "numpy", ["1.26.4", "2.0.2"])],
)
MARKUPSAFE_JINJA = Recipe(
    "markupsafe_jinja",
    "Jinja 2.11 imports `soft_unicode`, which MarkupSafe 2.1 has dropped, and asks for any MarkupSafe.",
    "program_jinja",
    [
        *_all("jinja2", ["2.11.2", "2.11.3"], "markupsafe", ["2.0.1", "2.1.5"]),
        *_all("jinja2", ["3.0.3", "3.1.4"], "markupsafe", ["2.0.1", "2.1.5"]),
    ],
)
RECIPES = {recipe.name: recipe for recipe in (WERKZEUG_FLASK, NUMPY_PANDAS, MARKUPSAFE_JINJA)}
