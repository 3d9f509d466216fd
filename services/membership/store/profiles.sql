-- name: write_profiles!
-- Cards come joined by line feeds, which none has: arrays of different lengths make no array of arrays.
insert into profiles (
    member_no, cards, phone, email, external_id, display_name, birth_date, sales_associate, region_code
)
select
    row.member_no, string_to_array(row.cards, e'\n'), row.phone, row.email, row.external_id, row.display_name,
    row.birth_date, row.sales_associate, row.region_code
from unnest(
    :member_nos::bigint[], :cards::text[], :phones::text[], :emails::text[], :external_ids::text[],
    :display_names::text[], :birth_dates::date[], :sales_associates::text[], :region_codes::text[]
) as row (member_no, cards, phone, email, external_id, display_name, birth_date, sales_associate, region_code)
on conflict (member_no) do update set
    cards = excluded.cards, phone = excluded.phone, email = excluded.email, external_id = excluded.external_id,
    display_name = excluded.display_name, birth_date = excluded.birth_date, sales_associate = excluded.sales_associate,
    region_code = excluded.region_code;

-- name: profiles_of
select * from profiles where member_no = any(:member_nos::bigint[]);

-- name: contacts_of
select kind, value, member_no from contacts where member_no = any(:member_nos::bigint[]);

-- name: owners
select c.kind, c.value, c.member_no
from unnest(:kinds::smallint[], :values::text[]) as wanted (kind, value)
join contacts c on c.program_no = :program_no and c.kind = wanted.kind and c.value = wanted.value;

-- name: give_up_contacts!
delete from contacts c
using unnest(:kinds::smallint[], :values::text[], :member_nos::bigint[]) as old (kind, value, member_no)
where c.program_no = :program_no and c.kind = old.kind and c.value = old.value and c.member_no = old.member_no;

-- name: insert_contacts!
-- Sorted, so that two who want the same ones wait in one order. Fewer than asked for: another transaction took one.
insert into contacts (program_no, kind, value, member_no)
select :program_no, new.kind, new.value, new.member_no
from unnest(:kinds::smallint[], :values::text[], :member_nos::bigint[]) as new (kind, value, member_no)
on conflict do nothing;

-- name: find_by_contact^
select m.member_no, m.member_id, m.state, m.enroll_time, m.welcome_points, m.welcome_expire_time, m.ended, m.referred, m.offers_until
from contacts c
join members m on m.member_no = c.member_no
where c.program_no = :program_no and c.kind = :kind and c.value = :value;

-- name: free_contacts!
with freed as (
    delete from contacts where member_no = :member_no returning program_no, kind, value, member_no
)
insert into former_contacts (program_no, kind, value, member_no)
select program_no, kind, value, member_no from freed
on conflict do nothing;

-- name: erase_profile!
delete from profiles where member_no = :member_no;

-- name: link_request!
insert into profile_requests (member_no, key)
select member_no, :key from unnest(:member_nos::bigint[]) as member_no
on conflict do nothing;

-- name: unlink_old_requests!
-- Those whose records were deleted when their time was over.
delete from profile_requests p
where p.member_no = any(:member_nos::bigint[]) and p.key <> :key
    and not exists (select from requests r where r.key = p.key);

-- name: unlink_requests
delete from profile_requests where member_no = :member_no returning key;

-- name: export_members
select m.member_id, m.enroll_time, p.*
from members m
left join profiles p on p.member_no = m.member_no
where m.program_no = :program_no and m.member_id > :after and m.ended is null
order by m.member_id
limit :most;

-- name: contacts_ever
select kind, value from contacts where member_no = :member_no
union
select kind, value from former_contacts where member_no = :member_no;

-- name: remember_contacts!
-- Those that the member has now are none of the past.
insert into former_contacts (program_no, kind, value, member_no)
select :program_no, had.kind, had.value, :member_no
from unnest(:kinds::smallint[], :values::text[]) as had (kind, value)
where not exists (
    select from contacts c
    where c.program_no = :program_no and c.kind = had.kind and c.value = had.value and c.member_no = :member_no
)
on conflict do nothing;
