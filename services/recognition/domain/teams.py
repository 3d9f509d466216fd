"""People who work together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from guerdon_kit.errors import InvalidField
from recognition.domain.profiles import NAME_LENGTH_MAX
from recognition.domain.texts import text_violations


@dataclass(frozen=True, slots=True)
class Team:
    """A team of an organisation, what people call it, and what an identity provider knows it by (empty: none does)."""

    organisation: str
    id: str
    display_name: str
    create_time: datetime
    external_id: str = ""

    @property
    def name(self) -> str:
        """The resource name."""
        return team_name(self.organisation, self.id)


def team_name(organisation: str, team: str) -> str:
    """The resource name of a team."""
    return f"organisations/{organisation}/teams/{team}"


def check_team_name(display_name: str, field: str) -> None:
    """Whether a team can be called that.

    Raises:
        InvalidField: it cannot.
    """
    if not display_name:
        raise InvalidField.of(field, "is required")
    violations = text_violations(field, display_name, NAME_LENGTH_MAX)
    if violations:
        raise InvalidField(violations)
