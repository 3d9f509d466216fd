-- A page of the feed costs what it shows.

-- What somebody may see, as before; whether a thanks that is not public concerns them is looked up for it alone, and not
-- read of all that ever concerned them: the limits say so.
create or replace function seen_recognitions(viewer text) returns setof recognition_details language sql stable as $$
select seen.*
from recognition_details as seen
where
    seen.state = 'posted'
    and (
        seen.visibility = 'public'
        or (
            select true
            from recognition_people as concerned
            where
                concerned.organisation = seen.organisation and concerned.recognition = seen.recognition
                and concerned.person = viewer
            limit 1
        )
        or (
            seen.visibility = 'team'
            and (
                select true
                from recognition_teams as said_to
                join team_people as theirs using (organisation, team)
                where
                    said_to.organisation = seen.organisation and said_to.recognition = seen.recognition
                    and theirs.person = viewer
                limit 1
            )
        )
    )
$$;

-- What a viewer sees of a whole organisation, newest first. Planning it takes longer than reading twenty of it, and the
-- index of the feed serves whatever it is asked for: so it is planned once, for all values.
create function feed_page(
    viewer text, in_organisation text, purpose text, since timestamptz, before_time timestamptz, before text, most bigint
) returns setof recognition_details language sql stable set plan_cache_mode = force_generic_plan as $$
select seen.*
from seen_recognitions(viewer) as seen
where
    seen.organisation = in_organisation
    and (seen.create_time, seen.recognition) < (before_time, before)
    and seen.create_time >= since
    and (purpose is null or purpose = any(seen.purposes))
order by seen.create_time desc, seen.recognition desc
limit most
$$;
