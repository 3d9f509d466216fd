-- name: insert_scim_token!
insert into scim_tokens (organisation, token, display_name, secret_hash, issuer, actor, create_time)
values (:organisation, :token, :display_name, :secret_hash, :issuer, :actor, :create_time);

-- name: count_scim_tokens$
select count(*) from scim_tokens where organisation = :organisation and revoke_time is null;

-- name: find_scim_token^
select organisation, token, display_name, issuer, create_time, revoke_time
from scim_tokens
where organisation = :organisation and token = :token;

-- name: find_scim_token_by_secret^
select organisation, token, display_name, issuer, create_time, revoke_time
from scim_tokens
where secret_hash = :secret_hash and revoke_time is null;

-- name: list_scim_tokens
select organisation, token, display_name, issuer, create_time, revoke_time
from scim_tokens
where organisation = :organisation and token > :after
order by token
limit :most;

-- name: revoke_scim_token!
update scim_tokens
set revoke_time = :revoke_time
where organisation = :organisation and token = :token and revoke_time is null;
