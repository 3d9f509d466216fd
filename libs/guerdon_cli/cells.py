"""Cells of CSV files that people open in spreadsheets."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def text_cell(text: str) -> str:
    """A text that somebody wrote, as a cell that no spreadsheet takes for a formula: one that begins like one gets an
    apostrophe before it. Numbers of ours are written as they are.
    """
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
