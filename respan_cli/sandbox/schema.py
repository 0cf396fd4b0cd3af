"""An example value for a JSON Schema, for requests that ask for structured output."""

from __future__ import annotations

from typing import Any, TypeVar

Json = dict[str, Any]
T = TypeVar("T")


def example(schema: object, root: object = None, depth: int = 0) -> object:
    """A small value for a JSON Schema: the required properties only, and not checked against every rule."""
    if not isinstance(schema, dict) or depth > 8:
        return None
    root = root or schema
    if "const" in schema:
        return schema["const"]
    if choices := _as(list, schema.get("enum")):
        return choices[0]
    for name in ("anyOf", "oneOf", "allOf"):
        if choices := _as(list, schema.get(name)):
            return example(choices[0], root, depth + 1)
    if "$ref" in schema:
        return example(_resolve(str(schema["$ref"]), root), root, depth + 1)
    return _example_of_type(schema, root, depth)


def _example_of_type(schema: Json, root: object, depth: int) -> object:
    kind = schema.get("type", "object" if "properties" in schema else None)
    if isinstance(kind, list) and kind:
        kind = kind[0]
    if kind == "object":
        properties = _as(dict, schema.get("properties"))
        required = [name for name in _as(list, schema.get("required")) if isinstance(name, str)]
        return {name: example(properties.get(name), root, depth + 1) for name in required}
    if kind == "array":
        return [example(schema.get("items"), root, depth + 1)] * min(_as(int, schema.get("minItems")), 9)
    return {"string": "text", "integer": 1, "number": 1.5, "boolean": True}.get(str(kind))


def _as(kind: type[T], value: object) -> T:
    """`value` if it is of that kind, else an empty one: a user's schema may hold anything."""
    return value if isinstance(value, kind) else kind()


def _resolve(reference: str, root: object) -> object:
    for name in filter(None, reference.removeprefix("#").split("/")):
        root = _as(dict, root).get(name)
    return root
