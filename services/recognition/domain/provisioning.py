"""People and teams as an identity provider keeps them up to date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recognition.domain.roles import Role

PAGE_MAX = 200
"""So many people or teams in one answer."""
MEMBERS_MAX = 10_000
"""So many members of a team."""


@dataclass(frozen=True, slots=True)
class ProvisionedUser:
    """A person: their id (empty: to be given), what the profile has of them, whether they take part, what the identity
    provider knows them by, what else it wrote (JSON), and the teams they are in, ids and names.
    """

    id: str
    user_name: str
    display_name: str
    active: bool
    role: Role
    manager: str
    country: str
    external_id: str
    details: Mapping[str, Any]
    create_time: datetime
    teams: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ProvisionedGroup:
    """A team: its id (empty: to be given), what people and the identity provider call it, and who is in it, ids of
    people.
    """

    id: str
    display_name: str
    external_id: str
    members: frozenset[str]
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Sought:
    """Which people or teams are looked for: those that have all of these; None asks for nothing. Of more than `most`
    those from after `offset` on, by id.
    """

    id: str | None = None
    user_name: str | None = None
    external_id: str | None = None
    display_name: str | None = None
    offset: int = 0
    most: int = PAGE_MAX
