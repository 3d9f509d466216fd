-- name: known_purchases
-- At least one row, with what matters of the program's: so that knowing it costs no statement of its own.
select g.rules_revision, g.returns_wait, p.purchase_id, p.member_id, p.event_time, p.amount
from programs g
left join (
    select p.purchase_id, m.member_id, p.event_time, p.amount
    from purchases p
    join members m on m.member_no = p.member_no
    where p.program_no = :program_no and p.purchase_id = any(:purchase_ids::text[])
) as p on true
where g.program_no = :program_no;

-- name: insert_purchases!
-- Fewer rows than asked for: another transaction recorded one of the ids meanwhile.
insert into purchases (
    program_no, record_time, actor, purchase_id, member_no, event_time, amount, terms, base_points, tier_points,
    expire_time, state, place, rule_points, available_time, credited_points, flag, locks, delivery_no
)
select
    :program_no, :record_time, :actor, row.purchase_id, row.member_no, row.event_time, row.amount, row.terms,
    row.base_points, row.tier_points, row.expire_time, row.state, row.place, coalesce(row.rule_points, 0),
    row.available_time, row.credited_points, row.flag, :locks::boolean,
    case when row.place is not null then :delivery_no::bigint end
from unnest(
    :purchase_ids::text[], :member_nos::bigint[], :event_times::timestamptz[], :amounts::bigint[],
    :terms::integer[], :base_points::bigint[], :tier_points::bigint[], :expire_times::timestamptz[],
    :states::smallint[], :places::smallint[], :rule_points::bigint[],
    :available_times::timestamptz[], :credited_points::bigint[], :flags::smallint[]
) as row (
    purchase_id, member_no, event_time, amount, terms, base_points, tier_points, expire_time, state, place, rule_points,
    available_time, credited_points, flag
)
on conflict do nothing;

-- name: find_purchases
select
    p.*, m.member_id, s.transaction_ids[p.place] as transaction_id, v.rule_id, v.version, v.definition,
    r.level, r.basket, r.rated_by
from purchases p
join members m on m.member_no = p.member_no
left join settlements s on s.delivery_no = p.delivery_no
left join rule_versions v on v.program_no = p.program_no and v.revision = p.terms / 32
left join ratings r on r.program_no = p.program_no and r.purchase_id = p.purchase_id
where p.program_no = :program_no and p.purchase_id = any(:purchase_ids::text[]);

-- name: purchase_times
select purchase_id, event_time from purchases
where program_no = :program_no and purchase_id = any(:purchase_ids::text[]);

-- name: purchases_to_deliver
-- Those that still have to reach the ledger, in the order in which they were asked for.
select
    p.purchase_id, m.member_id, p.event_time, p.record_time, coalesce(p.credited_points, p.base_points + p.tier_points + p.rule_points) as points, p.expire_time,
    p.delivery_no, p.place, p.available_time, coalesce(p.flag = 2, false) or exists (
        select from awaited_credits a
        where a.program_no = p.program_no and a.purchase_id = p.purchase_id and a.tranche = 0 and a.event <> ''
    ) as held
from unnest(:purchase_ids::text[]) with ordinality as wanted (purchase_id, place)
join purchases p on p.program_no = :program_no and p.purchase_id = wanted.purchase_id
join members m on m.member_no = p.member_no
left join settlements s on s.delivery_no = p.delivery_no
where p.state = :pending and s.transaction_ids[p.place] is null
order by wanted.place;

-- name: settle_purchases!
-- A purchase is settled once: whoever asks the ledger again gets the same answer and changes nothing.
insert into settlements as s (delivery_no, transaction_ids)
values (:delivery_no, :transaction_ids::text[])
on conflict (delivery_no) do update
set transaction_ids = (
    select array_agg(coalesce(both_.before, both_.now) order by both_.place)
    from unnest(s.transaction_ids, excluded.transaction_ids) with ordinality as both_ (before, now, place)
);

-- name: take_back!
update purchases
set returned_amount = :returned_amount, returned_points = :returned_points
where program_no = :program_no and purchase_id = :purchase_id;

-- name: rerate_purchases!
-- By what late events made of their ratings.
update purchases p
set terms = row.terms, base_points = row.base_points, tier_points = row.tier_points, rule_points = row.rule_points,
    returned_points = row.returned_points, available_time = row.available_time, expire_time = row.expire_time,
    credited_points = coalesce(p.credited_points, p.base_points + p.tier_points + p.rule_points)
from unnest(
    :purchase_ids::text[], :terms::integer[], :base_points::bigint[], :tier_points::bigint[], :rule_points::bigint[],
    :returned_points::bigint[], :available_times::timestamptz[], :expire_times::timestamptz[]
) as row (purchase_id, terms, base_points, tier_points, rule_points, returned_points, available_time, expire_time)
where p.program_no = :program_no and p.purchase_id = row.purchase_id;
