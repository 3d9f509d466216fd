"""A client process: `python -m guerdon_cli.bench.client`.

It reads a plan from stdin, builds its requests, says `ready`, waits for a line, and sends. While it sends it says once
a second how many items were answered; its last line is what it saw.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import grpc
import uvloop

from guerdon.ledger.v1 import ledger_pb2 as pb
from guerdon.membership.v1 import membership_pb2
from guerdon_cli.bench.echo import ECHO
from guerdon_cli.bench.plan import Plan, Seen, Shape
from guerdon_cli.bench.requests import capture, execution, requests
from guerdon_cli.terminal import written

LEDGER = "/guerdon.ledger.v1.LedgerService/"
MEMBERSHIP = "/guerdon.membership.v1.MembershipService/"
RECOGNITION = "/guerdon.recognition.v1.RecognitionService/"
INSIGHT = "/guerdon.recognition.v1.InsightService/"
COALITION = "/guerdon.exchange.v1.CoalitionService/"
METHODS = {
    Shape.BATCH: f"{LEDGER}BatchPostTransactions",
    Shape.POST: f"{LEDGER}PostTransaction",
    Shape.HOLD: f"{LEDGER}PlaceHold",
    Shape.READ: f"{LEDGER}GetBalance",
    Shape.PURCHASE: f"{MEMBERSHIP}RecordPurchase",
    Shape.EXCHANGE: f"{COALITION}CreateQuote",
    Shape.FEED: f"{RECOGNITION}ListRecognitions",
    Shape.LEADERBOARD: f"{INSIGHT}ListLeaderboard",
    Shape.ECHO: ECHO,
}
SECOND = {
    Shape.HOLD: (f"{LEDGER}CaptureHold", capture),
    Shape.EXCHANGE: (f"{COALITION}ExecuteExchange", execution),
}
"""Where an item is two calls: the second one, and its request by the first one's answer."""
OUTSTANDING_MAX = 5_000
"""Open loop: calls that may be under way before the client counts further ones as unsent."""
MIB = 1024 * 1024

Send = Callable[[bytes, int], Awaitable[None]]
"""Makes a call through the channel of that number; raises AioRpcError."""


class Client:
    """One plan, carried out."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._done: list[tuple[float, float]] = []
        """When each call was answered well, and how long that took."""
        self._failures: Counter[str] = Counter()
        self._answers: list[bytes] = []
        """Of batches, whose items may have failed: looked through when the clock has stopped, or at once where that is
        not for a long time.
        """
        self._refused = 0
        self._unsent = 0

    @property
    def items(self) -> int:
        """Items answered so far."""
        return len(self._done) * self._plan.items

    async def run(self, calls: Iterator[bytes]) -> Seen:
        """Sends what there is, for as long as the plan says."""
        channels = [_channel(self._plan.target) for _ in range(self._plan.channels)]
        try:
            for channel in channels:
                await channel.channel_ready()
            send = self._sender(channels)
            began, cpu = time.perf_counter(), time.process_time()
            ends = began + self._plan.warm_s + self._plan.seconds
            telling = asyncio.create_task(self._tell())
            await (self._open(calls, send, ends) if self._plan.per_s else self._closed(calls, send, ends))
            telling.cancel()
            cpu = (time.process_time() - cpu) / (time.perf_counter() - began)
        finally:
            for channel in channels:
                await channel.close()
        return self._seen(began + self._plan.warm_s, ends, cpu)

    def _seen(self, starts: float, ends: float, cpu: float) -> Seen:
        for answer in self._answers:
            self._look_through(answer)
        counted = [(end, latency) for end, latency in self._done if starts <= end <= ends]
        # Where the requests came to their end before the time did, the last answer ends the measurement.
        last = max((end for end, _ in counted), default=ends)
        over = last if len(self._done) >= self._plan.calls and not self._plan.repeats else ends
        return Seen(
            items=len(counted) * self._plan.items - self._refused,
            all_items=self.items - self._refused,
            seconds=max(over - starts, 1e-9),
            latencies_us=[int(latency * 1e6) for _, latency in counted],
            failures=dict(self._failures),
            unsent=self._unsent,
            cpu=cpu,
        )

    def _sender(self, channels: list[grpc.aio.Channel]) -> Send:
        plan = self._plan
        metadata = (("authorization", f"Bearer {plan.token}"),) if plan.token else ()
        if plan.shape is Shape.IMPORT:
            return self._streamer([_Stream(channel, metadata) for channel in channels])
        main = [_method(channel, METHODS[plan.shape]) for channel in channels]
        path, follow_up = SECOND.get(plan.shape, ("", None))
        second = [_method(channel, path) for channel in channels] if path else []

        async def send(request: bytes, number: int) -> None:
            answer = await main[number](request, timeout=plan.deadline_s, metadata=metadata)
            if plan.shape is Shape.BATCH:
                self._answers.append(answer) if plan.built_before else self._look_through(answer)
            elif follow_up:
                await second[number](follow_up(answer), timeout=plan.deadline_s, metadata=metadata)

        return send

    def _streamer(self, streams: Sequence[_Stream]) -> Send:
        async def send(request: bytes, number: int) -> None:
            answer = membership_pb2.ImportPurchasesResponse.FromString(await streams[number].ask(request))
            refused = len(answer.errors)
            if refused:
                self._refused += refused
                self._failures["row refused"] += refused

        return send

    async def _closed(self, calls: Iterator[bytes], send: Send, ends: float) -> None:
        async def one(number: int) -> None:
            for request in calls:
                began = time.perf_counter()
                if began >= ends:
                    return
                await self._timed(send, request, number, began)

        await asyncio.gather(*(one(number % self._plan.channels) for number in range(self._plan.in_flight)))

    async def _open(self, calls: Iterator[bytes], send: Send, ends: float) -> None:
        began = time.perf_counter()
        under_way: set[asyncio.Task[None]] = set()
        for number, request in enumerate(calls):
            due = began + number / self._plan.per_s
            if due >= ends:
                break
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if len(under_way) >= OUTSTANDING_MAX:
                self._unsent += 1
                continue
            # Timed from when it was due: a client that falls behind must not make the server look fast.
            task = asyncio.create_task(self._timed(send, request, number % self._plan.channels, due))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        if under_way:
            await asyncio.wait(under_way)

    async def _timed(self, send: Send, request: bytes, number: int, began: float) -> None:
        try:
            await send(request, number)
        except grpc.aio.AioRpcError as error:
            self._failures[error.code().name] += 1
        else:
            now = time.perf_counter()
            self._done.append((now, now - began))

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            print(self.items, flush=True)

    def _look_through(self, answer: bytes) -> None:
        for result in pb.BatchPostTransactionsResponse.FromString(answer).results:
            if result.WhichOneof("outcome") != "posted":
                self._refused += 1
                self._failures[result.error.message] += 1


class _Stream:
    """A stream whose messages are answered in their order. Whoever has written waits for its answer behind those who
    wrote before: locks are fair.
    """

    def __init__(self, channel: grpc.aio.Channel, metadata: Sequence[tuple[str, str]]) -> None:
        method: Any = channel.stream_stream(
            f"{MEMBERSHIP}ImportPurchases", request_serializer=bytes, response_deserializer=bytes
        )
        self._call = method(metadata=metadata)
        self._writing, self._reading = asyncio.Lock(), asyncio.Lock()

    async def ask(self, request: bytes) -> bytes:
        """The answer to a message."""
        async with self._writing:
            await self._call.write(request)
        async with self._reading:
            answer: bytes = await self._call.read()
        return answer


def _channel(target: str) -> grpc.aio.Channel:
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", 64 * MIB)]
    return grpc.aio.insecure_channel(target, options)


def _method(channel: grpc.aio.Channel, path: str) -> Any:
    """A call of bytes for bytes: what a client spends on messages is none of the server's."""
    return channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)


def main() -> None:
    """One plan, from stdin to stdout."""
    plan = Plan.of(sys.stdin.readline())
    calls = requests(plan)
    if plan.built_before:
        built = list(calls)
        calls = itertools.cycle(built) if plan.repeats else iter(built)
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    if sys.stdin.readline():
        seen = uvloop.run(Client(plan).run(calls))
        with written(None) as output:  # more than fits into a pipe
            print(seen.line(), file=output, flush=True)


if __name__ == "__main__":
    main()
