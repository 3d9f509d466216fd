-- What people gave and received, counted month by month as it is posted.

create table tallies (
    organisation text not null,
    -- The month's first day.
    period date not null,
    measure text not null check (measure in ('given', 'added', 'received')),
    -- One of the recognition's values; empty: whatever it was for.
    purpose text not null,
    -- Whether everybody saw it: what is private or a team's is counted apart.
    public boolean not null,
    -- A row is one person's: those who give at the same time wait for nobody but a receiver whom they share.
    person text not null,
    amount bigint not null check (amount >= 0),
    -- Recognitions, or add-ons.
    count bigint not null check (count >= 0),
    primary key (organisation, period, measure, purpose, public, person),
    foreign key (organisation, person) references people
);
-- A month's leaderboard, read in its order.
create index tallies_board on tallies (organisation, period, measure, purpose, amount desc, person)
    where public and amount > 0;

grant select, insert, update on tallies to :"runtime_role";
