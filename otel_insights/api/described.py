"""/openapi.json: FastAPI's document, with an example for whatever has none, our errors, and the tokens."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from otel_insights.api.problems import MEDIA_TYPE

_METHODS = ("get", "post", "put", "patch", "delete")
_DEEPEST = 8
_BY_FORMAT = {
    "date-time": "2026-01-02T03:04:05Z",
    "uuid": "6f1c1f6e-2a52-4f57-9d3b-0d3f1f5f7a10",
    "uri": "https://e.org",
}
_PROBLEM = {
    "type": "object",
    "description": "Problem details (RFC 9457)",
    "required": ["title", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"description": "The HTTP status; `error` where an old contract says so"},
        "detail": {"type": "string", "description": "For a person"},
        "code": {"type": "string", "description": "For a program"},
        "request_id": {"type": "string", "description": "As the header X-Request-Id has it"},
    },
    "example": {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "code": "UNKNOWN_CLUSTER",
        "detail": "there is no cluster '4b3c'",
        "request_id": "0f8fad5bd9cb469fa16570867728950e",
    },
}


def describe(app: FastAPI) -> None:
    """Let an app describe itself so; the document is made once, at the first request for it."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # as FastAPI's documentation has it


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        license_info=app.license_info,
        routes=app.routes,
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = _PROBLEM
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{}, {"token": []}]
    for operations in document["paths"].values():
        for method in _METHODS:
            if method in operations:
                _complete(operations[method], schemas)
    return document


def _complete(operation: MutableMapping[str, Any], schemas: Mapping[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        if "example" not in parameter and "examples" not in parameter:
            parameter["example"] = example_of(parameter.get("schema", {}), schemas)
    _give_examples(operation.get("requestBody", {}).get("content", {}), schemas)
    responses = operation["responses"]
    responses.pop("422", None)
    for response in responses.values():
        _give_examples(response.get("content", {}), schemas)
    failure = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": _PROBLEM["example"]}
    responses["default"] = {"description": "An error", "content": {MEDIA_TYPE: failure}}


def _give_examples(content: Mapping[str, MutableMapping[str, Any]], schemas: Mapping[str, Any]) -> None:
    for media in content.values():
        if "example" not in media and "examples" not in media:
            media["example"] = example_of(media.get("schema", {}), schemas)


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int = 0) -> Any:  # noqa: ANN401 - any JSON
    """Make an example of what a JSON schema describes, from the examples that its parts give.

    >>> example_of({"type": "object", "properties": {"id": {"type": "string", "examples": ["4b3c"]}}}, {})
    {'id': '4b3c'}
    """
    if "example" in schema:
        return schema["example"]
    if schema.get("examples"):
        return schema["examples"][0]
    for key in ("const", "default"):
        if schema.get(key) is not None:
            return schema[key]
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return example_of(schemas.get(name, {}), schemas, depth + 1) if depth < _DEEPEST else {}
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return example_of(schema[key][0], schemas, depth + 1)
    return schema["enum"][0] if schema.get("enum") else _of_type(schema, schemas, depth)


def _of_type(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int) -> Any:  # noqa: ANN401 - any JSON
    kind = schema.get("type")
    if kind == "object":
        return {key: example_of(part, schemas, depth + 1) for key, part in schema.get("properties", {}).items()}
    if kind == "array":
        parts = schema.get("prefixItems") or [schema.get("items", {})]
        return [example_of(part, schemas, depth + 1) for part in parts]
    plain = {"integer": schema.get("minimum", 1), "number": 1.0, "boolean": True, "null": None}
    return plain.get(str(kind), _BY_FORMAT.get(str(schema.get("format")), "text"))
