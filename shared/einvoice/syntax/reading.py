"""Small words for reading UBL elements."""

from typing import Any

from shared.einvoice.syntax.names import CAC, CBC
from shared.einvoice.syntax.writing import Element

__all__ = [
    "Element", "basic", "boolean", "child", "children", "element_text", "group_or_none", "identifier",
    "present", "text",
]  # fmt: skip


def child(parent: Element | None, *names: str) -> Element | None:
    """The first aggregate (cac) at the end of a path of names."""
    for name in names:
        if parent is None:
            return None
        parent = parent.find(f"{{{CAC}}}{name}")
    return parent


def children(parent: Element | None, name: str) -> list[Element]:
    """All aggregates (cac) of that name."""
    return [] if parent is None else parent.findall(f"{{{CAC}}}{name}")


def basic(parent: Element | None, name: str) -> Element | None:
    """The first basic element (cbc) of that name."""
    return None if parent is None else parent.find(f"{{{CBC}}}{name}")


def text(parent: Element | None, *names: str) -> str | None:
    """The text of the basic element at the end of a path of names, or None when empty."""
    found = basic(child(parent, *names[:-1]), names[-1])
    return element_text(found)


def element_text(element: Element | None) -> str | None:
    """The element's text without the space around it, or None when empty."""
    if element is None:
        return None
    value = "".join(part for part in element.itertext() if isinstance(part, str)).strip()
    return value or None


def identifier(element: Element | None, scheme: str = "schemeID") -> dict[str, Any] | None:
    """An identifier's value and scheme."""
    value = element_text(element)
    if element is None or value is None:
        return None
    return {"value": value, "scheme": element.get(scheme) or None}


def boolean(value: str | None) -> bool:
    """An xs:boolean."""
    return value in ("true", "1")


def present(**fields: Any) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None and value != ()}


def group_or_none(**fields: Any) -> dict[str, Any] | None:
    """The fields that have a value, or None when none has."""
    return present(**fields) or None
