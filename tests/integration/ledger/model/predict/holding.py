"""Holds: placed, captured, released, lapsed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.ledger.v1 import resources_pb2 as res
from tests.integration.ledger.model.member import Hold, refused, stamp
from tests.integration.ledger.model.predict.program import Program, time_of
from tests.integration.ledger.model.predict.records import SPEND, Expected, Moved, Transaction


@dataclass
class Holds(Program):
    """Predicts what becomes of holds."""

    def place(self, request: pb.PlaceHoldRequest, now: datetime) -> Expected:
        return self.once("place", request, lambda: self._place(request.hold, now))

    def _place(self, message: res.Hold, now: datetime) -> Expected:
        member = self.members[message.account]

        def decide() -> Hold:
            member.require_state("hold")
            expire = time_of(message.expire_time)
            if expire <= now:
                raise refused("EXPIRY_PASSED", expire_time=expire.isoformat())
            member.require(message.amount, now)
            if message.HasField("locked"):
                member.require_unlocked(message.amount, message.locked, now)
            hold = Hold(message.account, message.amount, expire, message.purpose, [])
            left = message.amount
            for lot in member.in_order(now):
                part = min(lot.free, left)
                if part:
                    lot.held += part
                    left -= part
                    hold.parts.append((lot.number, part))
            member.holds[len(self.holds)] = hold
            self.holds.append(hold)
            member.version += 1
            return hold

        hold = self.under_lock([member], now, decide)

        def learn(expected: pb.PlaceHoldResponse, actual: pb.PlaceHoldResponse) -> None:
            assert actual.hold.name.startswith(f"{self.program}/holds/")
            assert actual.hold.name not in {one.name for one in self.holds}
            hold.name = expected.hold.name = actual.hold.name

        return Expected(pb.PlaceHoldResponse(hold=self.hold(hold, now), balance=member.balance(now)), learn=learn)

    def capture(self, request: pb.CaptureHoldRequest, now: datetime) -> Expected:
        return self.once("capture", request, lambda: self._capture(request, now))

    def _capture(self, request: pb.CaptureHoldRequest, now: datetime) -> Expected:
        hold = self._hold_of(request.name)
        member = self.members[hold.account]

        def decide() -> Transaction:
            self._require_active(hold)
            amount = request.amount or hold.amount
            if amount > hold.amount:
                raise refused("CAPTURE_EXCEEDS_HOLD", hold=hold.name, held=hold.amount, requested=amount)
            taken = member.free_hold(self.holds.index(hold), amount, now)
            hold.state, hold.captured = res.HOLD_STATE_CAPTURED, amount
            member.spent += amount
            moved = Moved(member.name, request.destination or self.account("redemption.points"), amount, taken)
            self.transactions.append(Transaction(SPEND, [moved], None, request.memo))
            self.book(len(self.transactions) - 1, moved)
            made = self.transactions[-1]
            self.expire(member, now)
            return made

        made = self.under_lock([member], now, decide)
        reply = pb.CaptureHoldResponse(hold=self.hold(hold, now), balance=member.balance(now))
        return Expected(reply, learn=lambda expected, actual: self.learn(expected, actual, made, [member]))

    def release(self, request: pb.ReleaseHoldRequest, now: datetime) -> Expected:
        return self.once("release", request, lambda: self._release(request, now))

    def _release(self, request: pb.ReleaseHoldRequest, now: datetime) -> Expected:
        hold = self._hold_of(request.name)
        member = self.members[hold.account]

        def decide() -> None:
            self._require_active(hold)
            self.end_hold(member, self.holds.index(hold), res.HOLD_STATE_RELEASED, now)
            self.expire(member, now)

        self.under_lock([member], now, decide)
        return Expected(pb.ReleaseHoldResponse(hold=self.hold(hold, now), balance=member.balance(now)))

    def hold(self, hold: Hold, now: datetime) -> res.Hold:
        """A hold as it is read at `now`."""
        lapsed = hold.state == res.HOLD_STATE_ACTIVE and hold.expire <= now
        return res.Hold(
            name=hold.name,
            account=hold.account,
            amount=hold.amount,
            expire_time=stamp(hold.expire),
            purpose=hold.purpose,
            state=res.HOLD_STATE_EXPIRED if lapsed else hold.state,  # type: ignore[arg-type]  # an enum's number
            captured_amount=hold.captured,
        )

    def _hold_of(self, name: str) -> Hold:
        return next(hold for hold in self.holds if hold.name == name)

    @staticmethod
    def _require_active(hold: Hold) -> None:
        if hold.state == res.HOLD_STATE_CAPTURED:
            raise refused("HOLD_ALREADY_CAPTURED", hold=hold.name, captured=hold.captured)
        if hold.state == res.HOLD_STATE_RELEASED:
            raise refused("HOLD_ALREADY_RELEASED", hold=hold.name)
        if hold.state == res.HOLD_STATE_EXPIRED:
            raise refused("HOLD_EXPIRED", hold=hold.name, expire_time=hold.expire.isoformat())
