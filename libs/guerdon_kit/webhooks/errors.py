"""What is refused of webhooks."""

from __future__ import annotations

from guerdon_kit.errors import DomainError, Status


class WebhooksDisabled(DomainError):
    """The owner's webhooks go nowhere: say where to with `SetWebhookEndpoint`."""

    reason = "WEBHOOKS_DISABLED"
    status = Status.FAILED_PRECONDITION
    message = "The webhooks of {owner} are disabled; set an endpoint first."


class ReplayTooLarge(DomainError):
    """More happened since then than one request has sent again. Begin later."""

    reason = "REPLAY_TOO_LARGE"
    status = Status.FAILED_PRECONDITION
    message = "More than {most} events happened since then; begin later."
