"""Many entries of the audit chain at once: the chain is read once, and all follow one another."""

from django.db import migrations

MANY = """
-- Appends entries, given as their JSON, in their order: numbers them, chains them, believes no room that says it is another.
create function events_append_audits(contents text[]) returns bigint language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
    keys constant text[] := array['action', 'actor', 'at', 'detail', 'purpose', 'room', 'subject'];
    is_good boolean;
    rooms text[];
    subjects uuid[];
    last record;
    place bigint;
    link bytea;
    links bytea[] := array[]::bytea[];
    content text;
begin
    select bool_and(coalesce(jsonb_typeof(entry) = 'object' and entry ?& keys and entry - keys = '{}'::jsonb, false)),
        array_agg(distinct coalesce(entry->>'room', '')), array_agg((entry->>'subject')::uuid order by number)
    into is_good, rooms, subjects
    from (
        select case when octet_length(each) <= 8192 then each::jsonb end as entry, number
        from unnest(contents) with ordinality as given(each, number) offset 0
    ) as read;
    if not coalesce(is_good, false) then
        raise exception 'this is not an entry of the audit chain' using errcode = 'check_violation';
    end if;
    -- current_user is the owner in here; session_user is who connected. Whoever may act as the owner is the operator.
    if rooms <> array[substr(session_user, 10)] and not pg_has_role(session_user, current_user, 'MEMBER') then
        raise exception '% may not append in the name of another room', session_user
            using errcode = 'insufficient_privilege';
    end if;
    perform pg_advisory_xact_lock(7209020);
    select number, hash into last from public.events_audit order by number desc limit 1;
    place := coalesce(last.number + 1, 0);
    link := coalesce(last.hash, decode(repeat('00', 32), 'hex'));
    foreach content in array contents loop
        link := sha256('\\x02'::bytea || link || int8send(place) || sha256('\\x00'::bytea || convert_to(content, 'UTF8')));
        links := links || link;
        place := place + 1;
    end loop;
    insert into public.events_audit (number, subject, content, hash)
    select place - cardinality(contents) + number - 1, subject, each, hash
    from unnest(contents, subjects, links) with ordinality as made(each, subject, hash, number);
    return place - 1;
end
$$;
revoke execute on function events_append_audits(text[]) from public;

-- One entry is many of which there is one.
create or replace function events_append_audit(content text) returns bigint language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
begin
    return public.events_append_audits(array[content]);
end
$$;
"""


class Migration(migrations.Migration):
    """Audit entries together."""

    dependencies = [("events", "0012_who_amends_under_a_name")]

    operations = [migrations.RunSQL(MANY, migrations.RunSQL.noop)]
