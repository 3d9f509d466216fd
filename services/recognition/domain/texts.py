"""Words that people write."""

from __future__ import annotations

from guerdon_kit.errors import FieldViolation


def text_violations(field: str, text: str, length_max: int) -> list[FieldViolation]:
    """What is wrong with `text`, of at most `length_max` characters. PostgreSQL stores every character but NUL."""
    if len(text) > length_max:
        return [FieldViolation(field, f"must be at most {length_max:,} characters")]
    if "\0" in text:
        return [FieldViolation(field, "must not contain the character NUL")]
    return []
