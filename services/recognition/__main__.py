"""Starts the recognition service."""

from guerdon_kit.service import run
from recognition.app import compose
from recognition.config import Settings

run("recognition", Settings, compose)
