-- name: rule_versions
select revision, rule_no, rule_id, version, definition, archived, effective_time, create_time
from rule_versions
where program_no = :program_no
order by revision;

-- name: hold_rules!
-- For no key update: those who rate purchases meanwhile do not wait.
select 1 from programs where program_no = :program_no for no key update;

-- name: insert_rule_version!
insert into rule_versions (
    program_no, revision, rule_no, rule_id, version, definition, archived, effective_time, create_time, actor
)
values (
    :program_no, :revision, :rule_no, :rule_id, :version, :definition, :archived, :effective_time, :create_time, :actor
);

-- name: advance_rules!
update programs set rules_revision = :revision where program_no = :program_no;
