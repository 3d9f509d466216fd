"""Membership's RPCs about single members."""

from __future__ import annotations

from guerdon.membership.v1 import ending_pb2, merging_pb2, profile_pb2
from guerdon.membership.v1 import membership_pb2 as pb
from guerdon_kit.errors import InvalidField
from guerdon_kit.grpc import CallContext
from guerdon_kit.idempotency import Fingerprint
from guerdon_kit.names import parse
from guerdon_kit.pages import page_size, read_token, write_token
from membership.domain.ids import check_member_id
from membership.domain.referrals import CodeGiven
from membership.operations.endings import Endings
from membership.operations.members import Members
from membership.operations.merging import Merging
from membership.operations.profiles import Profiles
from membership.operations.programs import Programs
from membership.operations.referrals import Referrals
from membership.servicer import writing
from membership.servicer.profiles import read_contact, read_mask, read_profile, write_profile
from membership.servicer.reading import MEMBER, PROGRAM
from membership.servicer.referrals import write_referral
from membership.servicer.writing import tell_replay


class MemberRpcs:
    """What `guerdon.membership.v1.MembershipService` does with members as such."""

    def __init__(
        self,
        programs: Programs,
        members: Members,
        profiles: Profiles,
        endings: Endings,
        merges: Merging,
        referrals: Referrals,
    ) -> None:
        self._programs = programs
        self._members = members
        self._profiles = profiles
        self._endings = endings
        self._merges = merges
        self._referrals = referrals

    async def enroll_member(self, request: pb.EnrollMemberRequest, call: CallContext) -> pb.EnrollMemberResponse:
        """Enrols a person."""
        (program_id,) = parse(request.parent, PROGRAM, "parent")
        check_member_id(request.member_id, "member_id")
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        profile = read_profile(request.profile) if request.HasField("profile") else None
        code = request.referral_code
        given = CodeGiven(code, request.source_address) if code else None
        standing, already, replayed = await self._members.enroll(
            program, request.member_id, profile, given, fingerprint, call.caller.actor, call.remaining_s()
        )
        tell_replay(call, replayed)
        referral = await self._referrals.claimed(program, request.member_id, code) if code else None
        return pb.EnrollMemberResponse(
            member=writing.member(program, standing),
            already_enrolled=already,
            referral=write_referral(program, referral) if referral else None,
        )

    async def get_member(self, request: pb.GetMemberRequest, _call: CallContext) -> pb.GetMemberResponse:
        """Reads a member."""
        program_id, member_id = parse(request.name, MEMBER)
        program = await self._programs.get(program_id)
        return pb.GetMemberResponse(member=writing.member(program, await self._members.get(program, member_id)))

    async def find_member(
        self, request: profile_pb2.FindMemberRequest, _call: CallContext
    ) -> profile_pb2.FindMemberResponse:
        """Finds a member."""
        (program_id,) = parse(request.parent, PROGRAM, "parent")
        contact, field = read_contact(request)
        program = await self._programs.get(program_id)
        found = await self._profiles.find(program, contact, field)
        standing = await self._members.get(program, found.member_id)
        return profile_pb2.FindMemberResponse(member=writing.member(program, standing))

    async def get_profile(
        self, request: profile_pb2.GetProfileRequest, _call: CallContext
    ) -> profile_pb2.GetProfileResponse:
        """Reads a member's personal data."""
        program_id, member_id = parse(request.name, MEMBER)
        program = await self._programs.get(program_id)
        return profile_pb2.GetProfileResponse(profile=write_profile(await self._profiles.get(program, member_id)))

    async def update_member(
        self, request: profile_pb2.UpdateMemberRequest, call: CallContext
    ) -> profile_pb2.UpdateMemberResponse:
        """Changes a member's personal data."""
        program_id, member_id = parse(request.name, MEMBER)
        names = read_mask(request)
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        changes = read_profile(request.profile)
        replayed = await self._profiles.update(program, member_id, changes, names, fingerprint)
        tell_replay(call, replayed)
        return profile_pb2.UpdateMemberResponse(
            member=writing.member(program, await self._members.get(program, member_id)),
            profile=write_profile(await self._profiles.get(program, member_id)),
        )

    async def close_member(
        self, request: ending_pb2.CloseMemberRequest, call: CallContext
    ) -> ending_pb2.CloseMemberResponse:
        """Closes a membership."""
        program_id, member_id = parse(request.name, MEMBER)
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        replayed = await self._endings.close(program, member_id, fingerprint, call.caller.actor, call.remaining_s())
        tell_replay(call, replayed)
        standing = await self._members.get(program, member_id)
        return ending_pb2.CloseMemberResponse(member=writing.member(program, standing))

    async def erase_member(
        self, request: ending_pb2.EraseMemberRequest, call: CallContext
    ) -> ending_pb2.EraseMemberResponse:
        """Erases a member's personal data."""
        program_id, member_id = parse(request.name, MEMBER)
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        done, replayed = await self._endings.erase(
            program, member_id, fingerprint, call.caller.actor, call.remaining_s()
        )
        tell_replay(call, replayed)
        standing = await self._members.get(program, member_id)
        return ending_pb2.EraseMemberResponse(member=writing.member(program, standing), texts_pending=not done)

    async def merge_members(
        self, request: merging_pb2.MergeMembersRequest, call: CallContext
    ) -> merging_pb2.MergeMembersResponse:
        """Merges a member into another."""
        program_id, member_id = parse(request.name, MEMBER)
        owner, into_id = parse(request.into, MEMBER, "into")
        if owner != program_id:
            raise InvalidField.of("into", "must be a member of the same program")
        program = await self._programs.get(program_id)
        fingerprint = Fingerprint.of(call, request, program.name)
        done, replayed = await self._merges.merge(
            program, member_id, into_id, fingerprint, call.caller.actor, call.remaining_s()
        )
        tell_replay(call, replayed)
        standing = await self._members.get(program, into_id)
        return merging_pb2.MergeMembersResponse(member=writing.member(program, standing), moving=not done)

    async def list_members(self, request: pb.ListMembersRequest, _call: CallContext) -> pb.ListMembersResponse:
        """Lists members."""
        (program_id,) = parse(request.parent, PROGRAM, "parent")
        most = page_size(request.page_size)
        query = ("ListMembers", request.parent)
        after = str(read_token(request.page_token, query, (str,))[0]) if request.page_token else ""
        program = await self._programs.get(program_id)
        found = await self._members.page(program, after, most + 1)  # one more tells whether there is a next page
        page = found[:most]
        return pb.ListMembersResponse(
            members=[writing.member(program, standing) for standing in page],
            next_page_token=write_token(query, (page[-1].member.member_id,)) if len(found) > most else "",
        )
