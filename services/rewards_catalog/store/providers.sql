-- name: insert_provider!
insert into providers (program, id, kind, url, max_orders, actor, create_time)
values (:program, :id, :kind, :url, :max_orders, :actor, :create_time)
on conflict do nothing;

-- name: find_provider^
select
    providers.program, id, kind, url, max_orders, providers.create_time,
    (
        select max(create_time) from provider_secrets
        where provider_secrets.program = providers.program and provider = id
    ) as secret_create_time
from providers
where providers.program = :program and id = :id;

-- name: list_providers
select
    providers.program, id, kind, url, max_orders, providers.create_time,
    (
        select max(create_time) from provider_secrets
        where provider_secrets.program = providers.program and provider = id
    ) as secret_create_time
from providers
where providers.program = :program and id > :after
order by id
limit :most;

-- name: update_provider!
update providers set url = :url, max_orders = :max_orders where program = :program and id = :id;

-- name: lock_provider$
-- Whoever makes a secret, or changes the provider, waits here.
select id from providers where program = :program and id = :id for no key update;

-- name: end_secrets!
-- The current one goes on for a while; the one before it ends at once.
update provider_secrets
set end_time = case when end_time is null then :end_time else :now end
where program = :program and provider = :provider and (end_time is null or end_time > :now);

-- name: insert_secret!
insert into provider_secrets (program, provider, version, digest, key_id, sealed, create_time)
values (:program, :provider, :version, :digest, :key_id, :sealed, :create_time);

-- name: last_secret_version$
select coalesce(max(version), 0) from provider_secrets where program = :program and provider = :provider;

-- name: list_secrets
-- Those that sign now, the newest first.
select version, digest, key_id, sealed
from provider_secrets
where program = :program and provider = :provider and (end_time is null or end_time > :now)
order by version desc;
