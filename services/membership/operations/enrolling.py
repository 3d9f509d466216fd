"""What members are given for enrolling beside points: in the transaction that enrols them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from guerdon_kit.postgres import Connection
from membership.domain.gifts import for_enrolment
from membership.domain.members import Member
from membership.domain.program import Program
from membership.store import gifts


async def welcome(
    connection: Connection, program: Program, enrolled: Iterable[Member], now: datetime, actor: str
) -> None:
    """Has the program's welcome reward given to new members, where it has one."""
    if reward := program.settings.welcome_reward:
        new = [for_enrolment(one.member_no, reward) for one in enrolled]
        await gifts.insert(connection, program, new, now, actor)
