"""What tests share: real servers within seconds, databases of their own, services as processes, and patience.

`pytest_plugins = ["guerdon_kit.testing.fixtures"]` in a conftest brings the fixtures.
"""

from guerdon_kit.testing.databases import DatabaseFactory
from guerdon_kit.testing.services import RunningService, ServiceFactory
from guerdon_kit.testing.waiting import wait_until

__all__ = ["DatabaseFactory", "RunningService", "ServiceFactory", "wait_until"]
