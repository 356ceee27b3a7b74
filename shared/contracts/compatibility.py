"""What breaks a contract. Readers of an older version must understand new events, and new readers
the old ones that topics keep: so within a version, fields with a default may be added, no more."""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

COMPARED = ("type", "format", "const", "enum", "pattern", "contentEncoding", "minimum", "maximum",
            "maxLength", "minLength", "additionalProperties")  # fmt: skip
"""Keywords that decide which values are valid."""


def breaking_changes(before: Schema, after: Schema) -> list[str]:
    """Each change between two schemas that would break somebody, in words; empty: compatible."""
    return list(_compare("", before, after, before, after, ()))


def _compare(
    path: str, old: Schema, new: Schema, old_root: Schema, new_root: Schema, seen: tuple[str, ...]
) -> Iterator[str]:
    reference = str(old.get("$ref", ""))
    if reference and reference in seen:
        return
    seen = (*seen, reference) if reference else seen
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    for keyword in COMPARED:
        if old.get(keyword) != new.get(keyword):
            yield f"{path or 'value'}: {keyword} was {old.get(keyword)!r}, is {new.get(keyword)!r}"
    yield from _properties(path, old, new, old_root, new_root, seen)
    yield from _alternatives(path, old, new, old_root, new_root, seen)
    for keyword in ("items", "additionalProperties"):
        if isinstance(old.get(keyword), Mapping) and isinstance(new.get(keyword), Mapping):
            yield from _compare(f"{path}[]", old[keyword], new[keyword], old_root, new_root, seen)


def _properties(
    path: str, old: Schema, new: Schema, old_root: Schema, new_root: Schema, seen: tuple[str, ...]
) -> Iterator[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    for name, schema in before.items():
        where = f"{path}.{name}".lstrip(".")
        if name not in after:
            yield f"{where}: was removed"
            continue
        yield from _compare(where, schema, after[name], old_root, new_root, seen)
    required_before, required_after = set(old.get("required", [])), set(new.get("required", []))
    for name in sorted(required_after - required_before):
        yield f"{path}.{name}".lstrip(".") + ": is required now, and events without it are kept"
    for name in sorted(required_before - required_after):
        yield f"{path}.{name}".lstrip(".") + ": isn't required any more, and readers rely on it"


def _alternatives(
    path: str, old: Schema, new: Schema, old_root: Schema, new_root: Schema, seen: tuple[str, ...]
) -> Iterator[str]:
    for keyword in ("anyOf", "allOf", "oneOf", "prefixItems"):
        before, after = old.get(keyword, []), new.get(keyword, [])
        if len(before) != len(after):
            yield f"{path}: {keyword} had {len(before)} alternatives, has {len(after)}"
            continue
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _compare(f"{path}<{number}>", one, other, old_root, new_root, seen)


def _resolved(schema: Schema, root: Schema) -> Schema:
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return {**found, **{k: v for k, v in schema.items() if k != "$ref"}}
