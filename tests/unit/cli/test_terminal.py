"""The end of a command by signal, and its output."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from typing import Any

import pytest

from guerdon_cli.terminal import ends_on_signal, written


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("failure", [asyncio.CancelledError, ValueError])
def test_what_fails_while_an_interruption_ends_the_command_is_that_interruption(
    number: signal.Signals, failure: type[BaseException]
) -> None:
    with ends_on_signal():
        try:
            os.kill(os.getpid(), number)
        finally:
            raise failure  # as a call does that was under way


@pytest.mark.parametrize("failure", [asyncio.CancelledError, ValueError])
def test_what_fails_without_a_signal_is_told(failure: type[BaseException]) -> None:
    with pytest.raises(failure), ends_on_signal():
        raise failure


class Hesitant(io.RawIOBase):
    """A raw file that takes little at a time, as a pipe does whose writer is interrupted by signals."""

    def __init__(self) -> None:
        self.taken = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        part = bytes(data[:1_000])
        self.taken += part
        return len(part)


def test_an_unbuffered_standard_output_gets_all_that_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    raw, text = Hesitant(), "ä" * 40_000
    unbuffered: Any = raw  # as with PYTHONUNBUFFERED
    stdout = io.TextIOWrapper(unbuffered, encoding="utf-8", write_through=True)
    monkeypatch.setattr(sys, "stdout", stdout)
    with written(None) as file:
        file.write(text)
        file.write("\n")
    assert raw.taken.decode() == f"{text}\n"
    stdout.write("more")
    assert raw.taken.decode() == f"{text}\nmore", "it stays open"


def test_a_standard_output_with_a_buffer_is_written_to_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    stdout = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", stdout)
    with written(None) as file:
        assert file is stdout
