"""Between SCIM's users and groups and ours."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from scim2_models import InvalidValueException, Meta

from recognition.domain.provisioning import ProvisionedGroup, ProvisionedUser
from recognition.domain.roles import Role
from recognition.http.resources import (
    ROLES,
    Address,
    Email,
    EnterpriseUser,
    Group,
    Manager,
    Member,
    Name,
    PersonUser,
    User,
    UserGroup,
    UserRole,
)

MANY_MAX = 20
"""So many emails, addresses or roles of one user: more are nobody's."""
TEXT_MAX = 400
"""So many characters in an id, and in a part of what is only kept to be read again."""
OTHERS_SAY = frozenset({"active", "roles", "manager", "addresses"})
"""What is set by other means as well: who never said it does not clear it by leaving it out."""


def blank_user(create_time: datetime) -> ProvisionedUser:
    """Who is not there yet."""
    return ProvisionedUser("", "", "", True, Role.GIVER, "", "", "", {}, create_time)


def blank_group(create_time: datetime) -> ProvisionedGroup:
    """A team that is not there yet."""
    return ProvisionedGroup("", "", "", frozenset(), create_time)


def write_user(user: ProvisionedUser, base: str, *, whole: bool = False) -> User[EnterpriseUser]:
    """A person as SCIM has them. `base` is the server's own URL. What the client left unsaid it does not read either,
    for as long as that is still as it was for that; unless the `whole` is asked for.
    """
    details = user.details
    country = Address(country=user.country, type="work", primary=True) if user.country else None
    unsaid = set() if whole else set(details.get("unsaid", ()))
    name = Name(**details["name"]) if "name" in details else None
    silent = {
        "displayName": user.display_name == _name_of(name, user.user_name),
        "active": user.active,
        "roles": user.role is Role.GIVER,
    }
    hidden = {attribute for attribute, as_unsaid in silent.items() if as_unsaid} & unsaid
    role = details.get("role") or {"primary": True}
    written = PersonUser(
        id=user.id,
        external_id=user.external_id or None,
        user_name=user.user_name,
        name=name,
        display_name=None if "displayName" in hidden else user.display_name,
        active=None if "active" in hidden else user.active,
        emails=[Email(**email) for email in details.get("emails", ())] or None,
        addresses=[_address(country, details)] if country else None,
        roles=None if "roles" in hidden else [UserRole(**{**role, "value": user.role.value})],
        groups=[UserGroup(value=team, display=name) for team, name in user.teams] or None,
        meta=Meta(resource_type="User", created=user.create_time, location=f"{base}/Users/{user.id}"),
    )
    if user.manager:
        written[EnterpriseUser] = EnterpriseUser(manager=Manager(value=user.manager, ref=_user_url(user.manager, base)))
    return written


def _user_url(person: str, base: str) -> Any:
    return f"{base}/Users/{person}"


def _address(country: Address, details: Mapping[str, Any]) -> Address:
    return Address(**{**details["address"], "country": country.country}) if "address" in details else country


def said_by(message: User[EnterpriseUser]) -> frozenset[str]:
    """What of OTHERS_SAY a user says who is sent whole, be it that there is none. Addresses without a country say
    nothing of it (RFC 7644, 3.5.1, lets a server keep what is left out).
    """
    extension = message[EnterpriseUser]
    named = OTHERS_SAY & (message.model_fields_set | (extension.model_fields_set if extension is not None else set()))
    silent = message.addresses and not any(address.country for address in message.addresses)
    return named - {"addresses"} if silent else named


def read_user(
    message: User[EnterpriseUser], before: ProvisionedUser, said: Collection[str] | None = None
) -> ProvisionedUser:
    """A person as SCIM would have them, who was like `before`. What of OTHERS_SAY is not in `said`, and was never said
    by SCIM, stays as others set it. None: the message is what SCIM read with some changes, and says what these are.

    Raises:
        InvalidValueException: an attribute cannot be like that here.
    """
    for many in (message.emails, message.addresses, message.roles):
        if many is not None and len(many) > MANY_MAX:
            raise InvalidValueException(detail=f"At most {MANY_MAX} emails, addresses and roles each")
    if not (message.user_name or "").strip():
        raise InvalidValueException(detail="A userName is not empty")
    details: dict[str, Any] = {}
    if message.name is not None:
        details["name"] = _kept(message.name)
    if message.emails:
        details["emails"] = [_kept(email) for email in message.emails]
    addresses = [address for address in message.addresses or () if address.country]
    address = next((one for one in addresses if one.primary), addresses[0] if addresses else None)
    if address is not None:
        details["address"] = _kept(address)
    role = _role(message)
    if role is not None:
        details["role"] = _kept(role)
    visible = {"displayName": message.display_name, "active": message.active, "roles": role}
    details["unsaid"] = [attribute for attribute, value in visible.items() if value is None]
    extension = message[EnterpriseUser]
    manager = extension.manager if extension is not None else None
    values: dict[str, Any] = {
        "active": message.active is not False,
        "roles": Role.GIVER if role is None else Role(str(role.value).lower()),
        "manager": _text(manager.value) if manager is not None else "",
        "addresses": (address.country or "").upper() if address is not None else "",
    }
    values, details["asserted"] = _beside_others(values, before, said)
    return replace(
        before,
        user_name=message.user_name or "",
        display_name=message.display_name or _name_of(message.name, message.user_name),
        active=values["active"],
        role=values["roles"],
        manager=values["manager"],
        country=values["addresses"],
        external_id=_text(message.external_id),
        details=details,
    )


def _beside_others(
    values: Mapping[str, Any], before: ProvisionedUser, said: Collection[str] | None
) -> tuple[dict[str, Any], list[str]]:
    """What of OTHERS_SAY comes of values, and what of it SCIM has said by now."""
    had = {"active": before.active, "roles": before.role, "manager": before.manager, "addresses": before.country}
    asserted = set(before.details.get("asserted", ()))
    if said is None:
        changed = {attribute for attribute in OTHERS_SAY if values[attribute] != had[attribute]}
        return dict(values), sorted(asserted | changed)
    unsaid = OTHERS_SAY - asserted - set(said)
    return {**values, **{attribute: had[attribute] for attribute in unsaid}}, sorted(asserted | set(said))


def _kept(part: Name | Email | Address | UserRole) -> dict[str, Any]:
    kept = {name: value for name in type(part).model_fields if (value := getattr(part, name)) is not None}
    return {name: _text(value) if isinstance(value, str) else value for name, value in kept.items()}


def _text(value: str | None) -> str:
    """A text that can be kept."""
    if value is not None and (len(value) > TEXT_MAX or "\0" in value):
        raise InvalidValueException(detail=f"A text has at most {TEXT_MAX} characters, and none of them NUL")
    return value or ""


def _role(message: User[EnterpriseUser]) -> UserRole | None:
    roles = [role for role in message.roles or () if role.value]
    chosen = next((role for role in roles if role.primary), roles[0] if roles else None)
    if chosen is not None and str(chosen.value).lower() not in ROLES:
        raise InvalidValueException(detail=f"A role is one of {', '.join(ROLES)}")
    return chosen


def _name_of(name: Name | None, user_name: str | None) -> str:
    """What colleagues call who has no `displayName`."""
    if name is None:
        return user_name or ""
    return name.formatted or " ".join(filter(None, (name.given_name, name.family_name))) or user_name or ""


def write_group(group: ProvisionedGroup, base: str) -> Group:
    """A team as SCIM has it."""
    return Group(
        id=group.id,
        external_id=group.external_id or None,
        display_name=group.display_name,
        members=[Member(value=person, ref=_user_url(person, base), type="User") for person in sorted(group.members)]
        or None,
        meta=Meta(resource_type="Group", created=group.create_time, location=f"{base}/Groups/{group.id}"),
    )


def read_group(message: Group, before: ProvisionedGroup) -> ProvisionedGroup:
    """A team as SCIM would have it, which was like `before`.

    Raises:
        InvalidValueException: a member is no user.
    """
    members = message.members or []
    if any(not member.value or (member.type or "User").lower() != "user" for member in members):
        raise InvalidValueException(detail="A member is a user, by its value")
    return replace(
        before,
        display_name=message.display_name or "",
        external_id=_text(message.external_id),
        members=frozenset(_text(member.value) for member in members),
    )
