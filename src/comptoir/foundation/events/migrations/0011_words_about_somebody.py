"""What others have said about somebody who is forgotten: of an event at a known place, fields lose their text."""

from django.db import migrations

SILENCE = """
create function events_silence(positions uuid[], emptied jsonb) returns void language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
declare
    event record;
    new_data text;
    field text;
begin
    for event in
        select position, source, id, type, occurred_at, data from events_event
        where position = any (positions) and emptied ? type
    loop
        new_data := event.data::text;
        for field in select jsonb_array_elements_text(emptied -> event.type) loop
            if field !~ '^[a-z_]+$' then
                raise exception 'no field is called %', field;
            end if;
            new_data := regexp_replace(new_data, '("' || field || '"\\s*:\\s*)"(?:[^"\\\\]|\\\\.)*"', '\\1""', 'g');
        end loop;
        update events_event set data = new_data::json where position = event.position;
        update events_identity set fingerprint = events_fingerprint(event.type, event.occurred_at, new_data)
        where source = event.source and id = event.id;
    end loop;
end
$$;
"""


class Migration(migrations.Migration):
    """Words about somebody."""

    dependencies = [("events", "0010_who_hears_under_a_name")]

    operations = [migrations.RunSQL(SILENCE, "drop function events_silence(uuid[], jsonb);")]
