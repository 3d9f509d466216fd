"""Servers as children that end when we do, however we end: the embedded ones, and our own services."""

from guerdon_kit.processes.process import Plan, ProcessFailed, ServerProcess, start_all, stop_all

__all__ = ["Plan", "ProcessFailed", "ServerProcess", "start_all", "stop_all"]
