"""The end of a command by signal."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from guerdon_cli.terminal import ends_on_signal


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
