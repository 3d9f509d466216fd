-- Until when somebody may decide about what is held; what was held before this has the default from now on.
alter table fairness_settings
    add column review_days smallint not null default 14 check (review_days between 1 and 90);

alter table reviews
    add column deadline timestamptz not null default now() + interval '336 hours',
    drop constraint reviews_state_check,
    drop constraint reviews_check1,
    -- Rejected by nobody: as overdue, because the deadline passed; as outdated, because what it adds onto is gone.
    add constraint reviews_state_check
        check (state in ('reserving', 'held', 'approved', 'rejected', 'overdue', 'outdated')),
    add constraint reviews_decided_check
        check ((state in ('reserving', 'held')) = (review_time is null or actor is null));
create index reviews_overdue on reviews (deadline) where state = 'held';
