"""Leaderboards and participation, from what was counted as it was posted."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from guerdon_kit.clock import Clock
from guerdon_kit.errors import InvalidField
from guerdon_kit.pages import page_size, read_token, write_token
from guerdon_kit.postgres import Database
from recognition.domain.acting import Acting
from recognition.domain.errors import RoleRequired
from recognition.domain.insights import (
    TOP,
    Board,
    Forecast,
    Participation,
    Place,
    Position,
    elapsed,
    months,
    placed,
)
from recognition.domain.months import month_named
from recognition.domain.organisations import VALUE_LENGTH_MAX
from recognition.domain.roles import Role
from recognition.domain.tallies import Measure
from recognition.domain.taxable import TaxableBasis, TaxableValue, valued
from recognition.operations import organisations
from recognition.operations.seeing import sight
from recognition.store import insights as store

TAXABLE_AT_ONCE = 1_000


class Insights:
    """What an organisation's recognitions come to."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def leaderboard(
        self,
        organisation: str,
        *,
        measure: Measure,
        first: str,
        last: str,
        value: str,
        team: str | None,
        by_team: bool,
        everything: bool,
        viewer: str | None,
        acting: Acting,
        size: int,
        token: str,
    ) -> tuple[list[Place], str]:
        """A page of a leaderboard, and the token of the next one.

        Raises:
            InvalidField: a period, the value, the size or the token is malformed.
            NotFound: there is no such organisation or viewer.
            ScopeRequired, RoleRequired: the viewer may not see it.
        """
        size = page_size(size)
        if len(value) > VALUE_LENGTH_MAX or not value.isprintable():
            raise InvalidField.of("value", "is not one that an organisation can have")
        if by_team and team is not None:
            raise InvalidField.of("by_team", "must not be set together with team")
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, organisation)
            start, end = months(first, last, employer.time_zone)
            seen = await sight(connection, organisation, viewer, acting, everything=everything)
            board = Board(organisation, measure, start, end, value, team, by_team, seen)
            query = ("ListLeaderboard", repr(board))
            after = _position(token, query) if token else TOP
            standings = await store.board(connection, board, after, size + 1)
        places, position = placed(standings[:size], after)
        if len(standings) <= size:
            return places, ""
        return places, write_token(query, (position.places, position.rank, position.amount, position.holder))

    async def participation(
        self, organisation: str, *, period: str, everything: bool, viewer: str | None, acting: Acting
    ) -> Participation:
        """Who of those who were active in a month did what.

        Raises:
            InvalidField: the period is malformed.
            NotFound: there is no such organisation or viewer.
            ScopeRequired, RoleRequired: the viewer may not see it.
        """
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, organisation)
            month = month_named(period, employer.time_zone, "period")
            seen = await sight(connection, organisation, viewer, acting, everything=everything)
            return await store.participation(connection, organisation, month, employer.time_zone, seen)

    async def forecast(self, organisation: str, *, period: str, viewer: str | None, acting: Acting) -> Forecast:
        """What was given in a month so far, by those whom the viewer sees to.

        Raises:
            InvalidField: the period is malformed.
            NotFound: there is no such organisation or viewer.
            ScopeRequired, RoleRequired: the viewer sees to nobody.
        """
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, organisation)
            month = month_named(period, employer.time_zone, "period")
            seen = await sight(connection, organisation, viewer, acting, everything=True)
            found = await store.given(connection, organisation, month, seen)
        return Forecast(found.get(Measure.GIVEN, 0), found.get(Measure.ADDED, 0), elapsed(month, self._clock.now()))

    async def taxable(
        self, organisation: str, *, first: str, last: str, basis: TaxableBasis, viewer: str | None, acting: Acting
    ) -> AsyncGenerator[list[TaxableValue], None]:
        """What people received or redeemed in some months and what that is worth, some rows at a time, by person and
        category.

        Raises:
            InvalidField: a period is malformed.
            NotFound: there is no such organisation or viewer.
            ScopeRequired, RoleRequired: the viewer is no admin.
        """
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, organisation)
            start, end = months(first, last, employer.time_zone)
            seen = await sight(connection, organisation, viewer, acting, everything=True)
        if seen.under is not None:
            raise RoleRequired(Role.ADMIN.name)
        countries = {value.country: value for value in employer.countries}
        read = store.received if basis is TaxableBasis.RECEIVED else store.redeemed
        after = ("", "")
        while True:
            async with self._database.acquire() as connection:
                found = await read(connection, organisation, start, end, after, TAXABLE_AT_ONCE)
            if found:
                yield valued(found, countries)
            if len(found) < TAXABLE_AT_ONCE:
                return
            after = (found[-1].person, found[-1].category)

    async def unrecognised(
        self, organisation: str, *, period: str, viewer: str | None, acting: Acting, size: int, token: str
    ) -> tuple[list[tuple[str, str]], str]:
        """A page of the people (ids and what colleagues call them) who were active in a month and received nothing in
        it, and the token of the next one.

        Raises:
            InvalidField: the period, the size or the token is malformed.
            NotFound: there is no such organisation or viewer.
            ScopeRequired, RoleRequired: the viewer sees to nobody.
        """
        size = page_size(size)
        async with self._database.acquire() as connection:
            employer = await organisations.find(connection, organisation)
            month = month_named(period, employer.time_zone, "period")
            seen = await sight(connection, organisation, viewer, acting, everything=True)
            query = ("ListUnrecognisedPeople", organisation, period, seen.under or "")
            after = str(read_token(token, query, (str,))[0]) if token else ""
            found = await store.unrecognised(connection, organisation, month, employer.time_zone, seen, after, size + 1)
        return found[:size], write_token(query, (found[size - 1][0],)) if len(found) > size else ""


def _position(token: str, query: tuple[str, ...]) -> Position:
    places, rank, amount, holder = read_token(token, query, (int, int, int, str))
    return Position(int(places), int(rank), int(amount), str(holder))
