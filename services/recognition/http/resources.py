"""What SCIM clients see: users, groups, and what this server says of itself.

Of the attributes of RFC 7643 these are the ones that mean something here, and those of them that clients expect to read
again; what else they send is ignored (RFC 7644, 3.3), so that no personal data is kept that nobody asks for.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from scim2_models import (
    URN,
    AnyExtension,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    ETag,
    Extension,
    Filter,
    Mutability,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)

from recognition.domain.provisioning import PAGE_MAX

ROLES = ["admin", "manager", "giver", "receiver_only", "observer"]
"""What a user's role may be: `recognition.domain.roles.Role`."""


class Name(ComplexAttribute):
    """The parts of a user's name."""

    formatted: str | None = None
    family_name: str | None = None
    given_name: str | None = None


class Email(ComplexAttribute):
    """An address of a user. Any text: directories have internal addresses that no mail server would take."""

    value: str | None = None
    type: str | None = Field(None, examples=["work", "home", "other"])
    primary: bool | None = None


class Address(ComplexAttribute):
    """Of an address, the country: two letters, as in ISO 3166-1."""

    country: str | None = Field(None, examples=["DE", "FR", "GB", "JP", "US"])
    type: str | None = Field(None, examples=["work"])
    primary: bool | None = None


class UserRole(ComplexAttribute):
    """What a user may do here."""

    value: str | None = Field(None, examples=ROLES)
    display: str | None = None
    type: str | None = None
    primary: bool | None = None


class UserGroup(ComplexAttribute):
    """A team that a user is in."""

    value: Annotated[str | None, Mutability.read_only, CaseExact.true] = None
    display: Annotated[str | None, Mutability.read_only] = None


class User(Resource[AnyExtension]):
    """A person, with the schema of RFC 7643, 4.1."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Required.true, Uniqueness.server] = None
    name: Name | None = None
    display_name: str | None = None
    active: bool | None = None
    emails: list[Email] | None = None
    addresses: list[Address] | None = None
    roles: list[UserRole] | None = None
    groups: Annotated[list[UserGroup] | None, Mutability.read_only] = None


class Manager(ComplexAttribute):
    """Whom a user reports to: the id of a user."""

    value: Annotated[str | None, CaseExact.true] = None
    ref: Reference[User] | None = Field(None, serialization_alias="$ref", validation_alias="$ref")  # type: ignore[type-arg]  # by its name, as SCIM has it
    display_name: Annotated[str | None, Mutability.read_only] = None


class EnterpriseUser(Extension):
    """The part of RFC 7643, 4.3 that means something here."""

    __schema__ = URN("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")

    manager: Manager | None = None


class Member(ComplexAttribute):
    """Who is in a group: the id of a user."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    ref: Annotated[Reference[User] | None, Mutability.immutable] = Field(  # type: ignore[type-arg]  # by its name
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])


class Group(Resource[Any]):
    """A team, with the schema of RFC 7643, 4.2."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Required.true, Uniqueness.server] = None
    members: list[Member] | None = None


PersonUser = User[EnterpriseUser]
"""Users as they are served."""

POLICY = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)
"""What Microsoft Entra does beyond the RFCs is taken as it is meant."""

CONFIG = ServiceProviderConfig(
    patch=Patch(supported=True),
    bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
    filter=Filter(supported=True, max_results=PAGE_MAX),
    change_password=ChangePassword(supported=False),
    sort=Sort(supported=False),
    etag=ETag(supported=True),
    authentication_schemes=[
        AuthenticationScheme(
            type=AuthenticationScheme.Type.oauthbearertoken,
            name="Bearer token",
            description="The secret of a SCIM token of the organisation.",
            primary=True,
        )
    ],
)

PROVIDER = ScimProvider(
    models=[User, EnterpriseUser, Group],
    resource_types=[ResourceType.from_resource(PersonUser), ResourceType.from_resource(Group)],
    config=CONFIG,
    policy=POLICY,
)
