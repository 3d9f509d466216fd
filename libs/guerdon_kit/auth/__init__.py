"""Who calls, and what they may do: bearer JWTs of configured issuers, each under a ceiling."""

from guerdon_kit.auth.caller import Caller, Grant
from guerdon_kit.auth.issuers import Issuer, IssuerResolver, load_issuers
from guerdon_kit.auth.service_tokens import ServiceTokens
from guerdon_kit.auth.verifier import TokenVerifier

__all__ = ["Caller", "Grant", "Issuer", "IssuerResolver", "ServiceTokens", "TokenVerifier", "load_issuers"]
