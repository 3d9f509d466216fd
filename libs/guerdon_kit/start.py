"""Starting a service, before anything of it but its settings is imported: where Envoy runs it, only there."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module

from guerdon_kit.config import ServiceSettings
from guerdon_kit.envoy import is_inside
from guerdon_kit.workers import run_workers

GC_THRESHOLD = 50_000


def start(settings_class: type[ServiceSettings], application: str) -> None:
    """Runs the service whose composition root is the module `application` until SIGINT or SIGTERM.

    The module has the service's NAME and `compose`; and, perhaps, `load`, which imports what only some settings need.
    """
    settings = settings_class()
    if settings.server == "envoy" and not is_inside():
        from guerdon_kit.envoy.process import become_envoy

        run_workers(settings.workers, settings.shared_listens, partial(become_envoy, settings))
        return
    with _spared_the_collector():
        root = import_module(application)
        if load := getattr(root, "load", None):
            load(settings)  # before the workers are forked, which so share it
        from guerdon_kit.service import run

    run(root.NAME, settings, root.compose)


@contextmanager
def _spared_the_collector() -> Iterator[None]:
    """What is imported stays for ever, and looking through it time and again is a fifth of the time that it takes.
    And a batch makes tens of thousands of objects that die with it and hold no cycles: by default the collector would
    look through all of them several times for each batch.

    Frozen before a fork, as the documentation of `gc.freeze` advises, it also stays shared between workers.
    """
    gc.disable()
    yield
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 10, 20)
    gc.enable()
