"""The log is rewritten for a piece: a sale becomes nobody's, and its points move to another event (ADR 0022).

Whoever may call ``events_let_go`` can make sales nobody's, and nothing else: it takes a customer away and gives none. In
``events_sever`` a request to forget one identifier loses whom it has joined.
"""

from __future__ import annotations

from django.db import migrations

SEVER = """
create or replace function events_sever(customers uuid[], elsewhere uuid[], emptied jsonb)
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
        -- Whom a person was joined with when one of its customers went, likewise; whose wish it was is another matter.
        if event.type = 'identifier.forget' then
            for number in 1 .. cardinality(customers) loop
                if customers[number] is distinct from event.customer then
                    new_data := replace(new_data, made[number]::text, nobody);
                end if;
            end loop;
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
"""

BEFORE = """
create or replace function events_sever(customers uuid[], elsewhere uuid[], emptied jsonb)
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
"""

LET_GO = """
create function events_let_go(sale uuid, returns uuid[], members uuid[]) returns void language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
set enable_seqscan = off
set enable_bitmapscan = on
as $$
declare
    sold record;
    event record;
    receipt text;
    new_data text;
    new_outcome text;
begin
    if cardinality(members) > 100 then
        raise exception 'that many are not one person';
    end if;
    select * into strict sold from events_event where position = sale;
    receipt := (sold.data -> 'receipt')::text;
    for event in
        select * from events_event where position = any (returns || sale)
        union all
        -- What was said of it besides: by whom it was paid with points, and what was refused.
        select * from events_event
        where customer = any (members) and customer is not null and (type <> 'sale.closed' or decision is null)
            and position <> all (returns || sale) and strpos(data::text, receipt) > 0
    loop
        new_data := event.data::text;
        new_outcome := event.outcome;
        if event.position = any (returns || sale) or (event.status = 'refused' and (
            (event.type = 'sale.closed' and event.source = sold.source and (event.data -> 'receipt')::text = receipt)
            or (event.type = 'sale.returned' and (event.data -> 'sale' -> 'receipt')::text = receipt)
        )) then
            if event.type not in ('sale.closed', 'sale.returned') then
                raise exception 'that is no purchase';
            end if;
            new_data := regexp_replace(
                new_data, ',"customer":\\{"kind":"[a-z0-9_]+","value":"[0-9a-f-]{36}"\\}', ''
            );
            new_outcome := regexp_replace(new_outcome, ',"customer":"[0-9a-f-]{36}"', '');
            new_outcome := regexp_replace(new_outcome, ',"points":-?[0-9]+', '');
            new_outcome := regexp_replace(new_outcome, ',"balance":\\{[^{}]*\\}', '');
            update events_event set data = new_data::json, outcome = new_outcome, decision = null, customer = null
            where position = event.position;
        elsif event.type in ('points.redeem', 'points.post') then
            new_data := replace(new_data, ',"receipt":' || receipt, '');
            update events_event set data = new_data::json where position = event.position;
        elsif event.type not in ('sale.closed', 'sale.returned') then
            new_data := replace(new_data, '"receipt":' || receipt, '"receipt":""');
            update events_event set data = new_data::json where position = event.position;
        end if;
        update events_identity set fingerprint = events_fingerprint(event.type, event.occurred_at, new_data)
        where source = event.source and id = event.id;
    end loop;
end
$$;
revoke execute on function events_let_go(uuid, uuid[], uuid[]) from public;
"""


class Migration(migrations.Migration):
    """A piece is forgotten."""

    dependencies = [("events", "0006_held_back")]

    operations = [
        migrations.RunSQL(SEVER, BEFORE),
        migrations.RunSQL(LET_GO, "drop function events_let_go(uuid, uuid[], uuid[]);"),
    ]
