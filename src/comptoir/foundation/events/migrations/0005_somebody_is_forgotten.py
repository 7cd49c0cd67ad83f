"""The one way in which the log is ever rewritten: random ids in the place of somebody who is forgotten (ADR 0016).

Whoever may call the function can make people nobody's, and nothing else: the ids are made in it, so no event can be
said to be somebody else's, and no event comes or goes.
"""

from __future__ import annotations

from django.db import migrations

INDEXES = """
-- Every id that an event names: what stands as the value of an identifier.
create function events_mentioned(data json) returns uuid[] language sql immutable strict parallel safe as $$
    select coalesce(array_agg(found[1]::uuid), '{}') from regexp_matches(
        data::text, '"value"\\s*:\\s*"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"', 'g'
    ) found
$$;

-- An ordinary sale is found through its transfers, and costs nothing here.
create index event_of_customer on events_event (customer)
where customer is not null and (type <> 'sale.closed' or decision is null);

-- Who is named beside the customer, in links, personas and whatever a shop declares; not in what is frequent.
create index event_mentioning on events_event using gin (events_mentioned(data))
where type <> all ('{sale.closed,sale.returned,points.redeem,points.reserve,points.post,points.void,points.adjust,points.expire}');
"""

FINGERPRINT = """
-- What tells two contents apart, as content_fingerprint() and without_proof() of rules.py make it.
create function events_fingerprint(type text, occurred_at timestamptz, data text) returns bytea
language sql stable strict parallel safe as $$
    select substr(sha256(convert_to(
        type || E'\\n' || to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS')
            || case when date_trunc('second', occurred_at) = occurred_at then ''
                else to_char(occurred_at at time zone 'UTC', '.US') end
            || E'+00:00\\n' || regexp_replace(data, ',"proof":\\{"kind":"[a-z]+","value":"[0-9a-f-]+"\\}', ''),
        'UTF8')), 1, 16)
$$;

update events_identity i set fingerprint = events_fingerprint(e.type, e.occurred_at, e.data::text)
from events_event e where e.position = i.position;
"""

SEVER = """
create function events_sever(customers uuid[], elsewhere uuid[], emptied jsonb)
returns table (customer uuid, fresh uuid, positions uuid[]) language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off
set enable_bitmapscan = on
as $$
#variable_conflict use_column
declare
    nobody constant text := '00000000-0000-0000-0000-000000000000';
    made uuid[];
    found uuid[];
    touched uuid[] := '{}';
    event record;
    new_id text;
    new_data text;
    new_outcome text;
    new_decision text;
    field text;
begin
    if cardinality(customers) > 100 then
        raise exception 'that many are not one person';
    end if;
    select array_agg(gen_random_uuid()) into made from unnest(customers);
    -- Each way of its own, so that each can go through its index.
    found := array(
        select position from events_event
        where customer = any (customers) and customer is not null and (type <> 'sale.closed' or decision is null)
        union
        select position from events_event
        where events_mentioned(data) && customers and type <> all ('{sale.closed,sale.returned,points.redeem,points.reserve,points.post,points.void,points.adjust,points.expire}')
        union
        select unnest(elsewhere)
    );
    for event in select * from events_event where position = any (found) loop
        new_id := event.id;
        new_data := event.data::text;
        new_outcome := event.outcome;
        new_decision := event.decision::text;
        for number in 1 .. cardinality(customers) loop
            new_id := replace(new_id, customers[number]::text, made[number]::text);
            new_data := replace(new_data, customers[number]::text, made[number]::text);
            new_outcome := replace(new_outcome, customers[number]::text, made[number]::text);
            new_decision := replace(new_decision, customers[number]::text, made[number]::text);
        end loop;
        continue when (new_id, new_data, new_outcome, new_decision, event.customer = any (customers))
            is not distinct from (event.id, event.data::text, event.outcome, event.decision::text, false);
        -- Who was linked with whom would join again what is one person no longer.
        if event.type in ('identifier.linked', 'identifier.unlinked', 'link.undo') then
            new_data := regexp_replace(
                new_data, '("identifier"\\s*:\\s*\\{[^{}]*"value"\\s*:\\s*")[^"]*"', '\\1' || nobody || '"'
            );
        end if;
        for field in select jsonb_array_elements_text(emptied -> event.type) loop
            if field !~ '^[a-z_]+$' then
                raise exception 'no field is called %', field;
            end if;
            new_data := regexp_replace(new_data, '("' || field || '"\\s*:\\s*)"(?:[^"\\\\]|\\\\.)*"', '\\1""', 'g');
        end loop;
        update events_event set
            id = new_id, data = new_data::json, outcome = new_outcome, decision = new_decision::json,
            customer = coalesce(made[array_position(customers, event.customer)], event.customer)
        where position = event.position;
        update events_identity set
            id = new_id, fingerprint = events_fingerprint(event.type, event.occurred_at, new_data)
        where source = event.source and id = event.id;
        touched := touched || event.position;
    end loop;
    return query select pair.customer, pair.fresh, touched from unnest(customers, made) as pair(customer, fresh);
end
$$;
revoke execute on function events_sever(uuid[], uuid[], jsonb) from public;
"""

UNDO = """
drop function events_sever(uuid[], uuid[], jsonb);
drop function events_fingerprint(text, timestamptz, text);
drop index event_mentioning;
drop index event_of_customer;
drop function events_mentioned(json);
"""


class Migration(migrations.Migration):
    """Somebody is forgotten."""

    dependencies = [("events", "0004_audit_chain")]

    operations = [migrations.RunSQL(INDEXES + FINGERPRINT + SEVER, UNDO)]
