"""What identity providers send that is not quite SCIM, as SCIM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def as_scim(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a PATCH with what Microsoft Entra means by it: a manager by the id alone, or in a list of one; and
    members to remove by values with empty parts (`"$ref": null`).
    """
    operations = body.get("Operations")
    if not isinstance(operations, list):
        return dict(body)
    return {**body, "Operations": [_operation(one) if isinstance(one, dict) else one for one in operations]}


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    path, value = operation.get("path"), operation.get("value")
    if isinstance(path, str) and path.lower().endswith(":manager"):
        if isinstance(value, list) and len(value) == 1:
            [value] = value
        return {**operation, "value": {"value": value} if isinstance(value, str) else value} if value else operation
    if str(operation.get("op")).lower() == "remove" and isinstance(value, list):
        return {**operation, "value": [_without_nothing(one) if isinstance(one, dict) else one for one in value]}
    return operation


def _without_nothing(part: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if value is not None}
