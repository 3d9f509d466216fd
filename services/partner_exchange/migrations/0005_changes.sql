-- How often what exchanges are made by has changed: who has read it, and finds the number as it was, need not again.

create table changes (
    only_one boolean primary key default true check (only_one),
    number bigint not null,
    -- The transaction that changed something last.
    changer xid8
);
insert into changes (number) values (0);

-- At the end of the transaction, so that two that change something wait for each other in no other place; once for each.
create function count_change() returns trigger
language plpgsql security definer set search_path from current as $$
begin
    update changes set number = number + 1, changer = pg_current_xact_id()
    where changer is distinct from pg_current_xact_id();
    return null;
end
$$;

create constraint trigger coalitions_count_change after insert or update or delete on coalitions
deferrable initially deferred for each row execute function count_change();
create constraint trigger partners_count_change after insert or update or delete on partners
deferrable initially deferred for each row execute function count_change();
-- A book's rates and promotions come with it, and never change; the caps of limits likewise.
create constraint trigger rate_books_count_change after insert or update or delete on rate_books
deferrable initially deferred for each row execute function count_change();
create constraint trigger partner_limits_count_change after insert or update or delete on partner_limits
deferrable initially deferred for each row execute function count_change();
create constraint trigger link_policies_count_change after insert or update or delete on link_policies
deferrable initially deferred for each row execute function count_change();
create constraint trigger corridor_pauses_count_change after insert or update or delete on corridor_pauses
deferrable initially deferred for each row execute function count_change();

grant select on changes to :"runtime_role";
