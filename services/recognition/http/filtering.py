"""Which users or groups a request asks for."""

from __future__ import annotations

from typing import Any

from scim2_models import InvalidFilterException, ScimFilter
from scim2_models.path import CompareOperator, Comparison, FilterNode, LogicalExpr, LogicalOperator

from recognition.domain.provisioning import Sought

_INDEXED = {"id": "id", "username": "user_name", "externalid": "external_id", "displayname": "display_name"}
_TEXT_MAX = 400


def sought(filter_: ScimFilter[Any] | None) -> Sought:
    """What of a filter the database looks for: `eq` on id, userName, externalId or displayName, joined by `and`. The
    rest of the filter is to be held against what it finds.

    Raises:
        InvalidFilterException: it has none of these, so that everybody would have to be looked at.
    """
    if filter_ is None:
        return Sought()
    fields: dict[str, str] = {}
    for term in _terms(filter_.ast):
        if not isinstance(term, Comparison) or term.op is not CompareOperator.eq or term.attr_path.sub_attr:
            continue
        field = _INDEXED.get(term.attr_path.attr.lower())
        if field is not None and isinstance(term.value, str) and len(term.value) <= _TEXT_MAX:
            # NUL and halves of characters are in nothing that is stored, and PostgreSQL takes none.
            fields.setdefault(field, term.value.replace("\0", "\ufffd").encode(errors="replace").decode())
    if not fields:
        detail = "Filters say eq of id, userName, externalId or displayName, and more only after and"
        raise InvalidFilterException(detail=detail)
    return Sought(**fields)  # type: ignore[arg-type]  # the names are those of texts


def simple(filter_: ScimFilter[Any] | None) -> bool:
    """Whether the database finds exactly what the filter says."""
    if filter_ is None:
        return True
    terms = _terms(filter_.ast)
    return len(terms) == 1 and isinstance(terms[0], Comparison) and terms[0].attr_path.attr.lower() in _INDEXED


def _terms(node: FilterNode) -> tuple[FilterNode, ...]:
    if isinstance(node, LogicalExpr) and node.op is LogicalOperator.and_:
        return tuple(part for term in node.terms for part in _terms(term))
    return (node,)
