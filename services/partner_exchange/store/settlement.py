"""Settlements and their participants, as rows. A move does nothing, and says so, where somebody else has made it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from guerdon_kit.postgres import Connection
from partner_exchange.domain.settlement import Participant, ParticipantState, Settlement
from partner_exchange.domain.windows import Window
from partner_exchange.store import queries


async def begin(connection: Connection, window: Window, nets: Mapping[str, int], settler: str, now: datetime) -> None:
    """Begins to settle a CLOSED or ABORTED window that is locked: everybody is RECORDED."""
    await queries.begin_settlement(connection, **_window(window), settler=settler, due_time=now)
    await queries.insert_participants(
        connection,
        **_window(window),
        attempt=window.attempt + 1,
        partners=list(nets),
        nets=list(nets.values()),
    )


async def read(connection: Connection, window: Window) -> Settlement:
    """The window with its participants."""
    rows = queries.participants_of(connection, **_key(window))
    return Settlement(
        window,
        [
            Participant(
                partner=row["partner"],
                net=row["net"],
                state=ParticipantState(row["state"]),
                try_number=row["try"],
                ask_time=row["ask_time"],
                missing=row["missing"],
                transaction=row["transaction"],
            )
            async for row in rows
        ],
    )


async def pending(connection: Connection, coalition_id: str) -> int | None:
    """The number of the window that is being settled; None where there is none."""
    number: int | None = await queries.window_under_settlement(connection, coalition=coalition_id)
    return number


async def asked(connection: Connection, window: Window, one: Participant, ask_time: datetime) -> bool:
    """Keeps that the ledger is asked for a participant's try, before it is."""
    return bool(await queries.asked_participant(connection, **_try(window, one), ask_time=ask_time))


async def next_try(connection: Connection, window: Window, one: Participant, missing: int) -> bool:
    """Keeps that the ledger refused a participant's try for ever."""
    return bool(await queries.next_try(connection, **_try(window, one), missing=missing))


async def note_missing(connection: Connection, window: Window, one: Participant, missing: int) -> None:
    """Keeps what a debtor's account lacks."""
    await queries.note_missing(connection, **_key(window), partner=one.partner, missing=missing)


async def move(
    connection: Connection, window: Window, one: Participant, state: ParticipantState, transaction: str | None = None
) -> bool:
    """From the state that it has to another one."""
    return bool(
        await queries.move_participant(
            connection,
            **_key(window),
            partner=one.partner,
            from_state=one.state.value,
            state=state.value,
            transaction=transaction,
        )
    )


async def give_up(connection: Connection, window: Window, one: Participant, *, given_back: bool) -> None:
    """ABORTED: nothing was set aside, or what was is given back."""
    await queries.give_up_participant(
        connection, **_key(window), partner=one.partner, try_number=one.try_number, given_back=given_back
    )


async def move_all(
    connection: Connection,
    window: Window,
    before: ParticipantState,
    after: ParticipantState,
    signs: Collection[int] = (-1, 0, 1),
) -> None:
    """From one state to another: all whose net amount has one of the signs."""
    await queries.move_participants(
        connection, **_key(window), from_state=before.value, state=after.value, signs=list(signs)
    )


async def stop(connection: Connection, window: Window, mismatch: str) -> None:
    """Nothing goes on until the operator asks again."""
    await queries.mismatch_window(connection, **_window(window), mismatch=mismatch)


async def resume(connection: Connection, window: Window, now: datetime) -> None:
    """The operator asked again."""
    await queries.resume_window(connection, **_window(window), due_time=now)


async def nudge(connection: Connection, coalition_id: str, now: datetime) -> None:
    """Has a settlement that waits looked at now."""
    await queries.nudge_settlement(connection, coalition=coalition_id, now=now)


async def ask_to_abort(connection: Connection, window: Window, aborter: str, now: datetime) -> None:
    """The settlement goes back from here on."""
    await queries.ask_to_abort(connection, **_window(window), aborter=aborter, due_time=now)


async def abort(connection: Connection, window: Window) -> bool:
    """From PENDING_SETTLEMENT to ABORTED."""
    return bool(await queries.abort_settlement(connection, **_window(window)))


async def settle(connection: Connection, window: Window, settle_time: datetime) -> bool:
    """From PENDING_SETTLEMENT to SETTLED, paid in the window that is open now."""
    return bool(await queries.settle_window(connection, **_window(window), settle_time=settle_time))


def _window(window: Window) -> dict[str, str | int]:
    return {"coalition": window.coalition_id, "number": window.number}


def _key(window: Window) -> dict[str, str | int]:
    return _window(window) | {"attempt": window.attempt}


def _try(window: Window, one: Participant) -> dict[str, str | int]:
    return _key(window) | {"partner": one.partner, "try_number": one.try_number, "state": one.state.value}
