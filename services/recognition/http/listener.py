"""The SCIM server of one worker. Only whoever serves SCIM imports this module: see `recognition.app.load`."""

from __future__ import annotations

from guerdon_kit.http import HttpServer
from guerdon_kit.service import Kit
from recognition.clients.ledger import Ledger
from recognition.config import Settings
from recognition.http.endpoints import GroupEndpoint, RootSearch, UserEndpoint
from recognition.http.server import Site, application
from recognition.operations.provisioning_groups import ProvisionedGroups
from recognition.operations.provisioning_users import ProvisionedUsers
from recognition.operations.scim_tokens import ScimTokens


def scim(kit: Kit[Settings], ledger: Ledger, tokens: ScimTokens) -> HttpServer:
    """The server of users and groups at `scim_listen`."""
    settings, database, clock = kit.settings, kit.database, kit.clock
    site = Site(settings.scim_url)
    users = UserEndpoint(site, ProvisionedUsers(database, ledger, clock), clock)
    groups = GroupEndpoint(site, ProvisionedGroups(database, clock), clock)
    served = application(site, tokens, [*users.routes(), *groups.routes(), *RootSearch(users, groups).routes()])
    return HttpServer(served, settings.scim_listen, settings)
