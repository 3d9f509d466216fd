"""The service that a command asks: the one that runs, or else one started for the time it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from guerdon_cli.stack import LEDGER, RECOGNITION, ServiceKind, Stack
from guerdon_cli.terminal import steps
from guerdon_kit.auth.development import write_development_keys
from guerdon_kit.launch.ports import LOOPBACK
from guerdon_kit.launch.services import is_serving

Target = Annotated[str, typer.Option(help="The service of a running stack.")]
TARGET = f"{LOOPBACK}:{LEDGER.port}"
TOKEN_LIFETIME_S = 24 * 3600


@contextmanager
def running_ledger(data: Path, target: str, subject: str, scopes: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The address of a ledger, and a token for it: the one at `target`, or where none runs there, one started with its
    servers on the data folder until the end of the block.
    """
    with _running((LEDGER,), data, target, subject, scopes) as found:
        yield found


@contextmanager
def running_recognition(data: Path, target: str, subject: str, scopes: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The same of a recognition service, with the ledger under it."""
    with _running((LEDGER, RECOGNITION), data, target, subject, scopes) as found:
        yield found


@contextmanager
def _running(
    services: tuple[ServiceKind, ...], data: Path, target: str, subject: str, scopes: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """The last of these services."""
    if is_serving(target):
        yield target, write_development_keys(data / "keys").token(subject, scopes=scopes, lifetime_s=TOKEN_LIFETIME_S)
        return
    stack = Stack(data, services=services, any_ports=True)
    with steps() as report:
        stack.start(report)
    try:
        token = stack.identity.token(subject, scopes=scopes, lifetime_s=TOKEN_LIFETIME_S)
        yield stack.targets[services[-1].name], token
    finally:
        stack.stop()
