"""What the employer's people say to each other."""

from __future__ import annotations

from dataclasses import dataclass

VALUES = ("#teamwork", "#care", "#craft")


@dataclass(frozen=True)
class Thanks:
    """What one colleague says to others, with so many points for each of them, and what comes of it."""

    giver: str
    receivers: tuple[str, ...]
    amount: int
    value: str
    message: str
    private: bool = False
    added: tuple[tuple[str, int], ...] = ()
    """Who adds how many points for each receiver."""
    comments: tuple[tuple[str, str], ...] = ()
    """Who says what to it."""
    taken_back: bool = False
    """Whether the giver takes it back in the end."""


THANKS = (
    Thanks("amara", ("bruno",), 40, "#teamwork", "Thank you for staying late to bring the till back."),
    Thanks("bruno", ("chioma", "dmitri", "elena"), 50, "#craft", "The new stock room works. What a difference!"),
    Thanks("chioma", ("amara",), 60, "#care", "For listening, when it mattered.", private=True),
    Thanks(
        "dmitri",
        ("elena",),
        80,
        "#teamwork",
        "You found the bug that I had looked at for a week.",
        added=(("grace", 15), ("hiro", 10)),
        comments=(("elena", "It was one letter!"),),
    ),
    Thanks("elena", ("farid", "grace"), 30, "#teamwork", "Both counters open at eight, every day of the sale."),
    # It was Amara's cake. The points return to both who gave them, into their allowances.
    Thanks("elena", ("bruno",), 20, "#care", "Nobody bakes like you.", added=(("farid", 5),), taken_back=True),
    Thanks("farid", ("bruno",), 100, "#craft", "Best window display this street has seen."),
    Thanks("grace", ("hiro",), 25, "#care", "Welcome to the team!"),
    Thanks("hiro", ("grace", "farid"), 20, "#care", "For the warmest first week."),
    # More than is left of a month's allowance of 200: refused, and nobody receives anything.
    Thanks("bruno", ("amara", "hiro"), 90, "#teamwork", "And all of you for the stocktaking."),
)
