"""With a purchase goes the basket that it came out of: what was put in would lead back to the sale (ADR 0022)."""

from __future__ import annotations

from django.db import migrations

_INDEX = """
create index events_of_basket on events_event ((data ->> 'basket')) where type = 'basket.changed';
"""
_FORMER = "    for event in\n        select * from events_event where position = any (returns || sale)"
# What is left of each event is that somebody said something of some basket.
_BASKET = r"""    if sold.data ->> 'basket' is not null then
        with emptied as (
            update events_event e set data = (
                '{"basket":"00000000-0000-0000-0000-000000000000"'
                || coalesce(',"customer":' || (e.data -> 'customer')::text, '') || '}'
            )::json
            where e.type = 'basket.changed' and e.data ->> 'basket' = sold.data ->> 'basket'
            returning e.source, e.id, e.type, e.occurred_at, e.data
        )
        update events_identity i set
            fingerprint = events_fingerprint(emptied.type, emptied.occurred_at, emptied.data::text)
        from emptied where i.source = emptied.source and i.id = emptied.id;
    end if;
"""
_NAME = "            new_outcome := regexp_replace(new_outcome, ',\"customer\":\"[0-9a-f-]{36}\"', '');"
_UNNAMED = "            new_data := regexp_replace(new_data, ',\"basket\":\"[0-9a-f-]{36}\"', '');\n"
_CHANGE = """
do $do$ begin
    execute replace(
        pg_get_functiondef('events_let_go(uuid, uuid[], uuid[])'::regprocedure), $before${before}$before$,
        $after${after}$after$
    );
end $do$;
"""


class Migration(migrations.Migration):
    """A sale takes its basket along."""

    dependencies = [("events", "0015_what_a_basket_cost_is_forgotten")]

    operations = [
        migrations.RunSQL(_INDEX, "drop index events_of_basket;"),
        migrations.RunSQL(
            _CHANGE.format(before=_FORMER, after=_BASKET + _FORMER), _CHANGE.format(before=_BASKET, after="")
        ),
        migrations.RunSQL(
            _CHANGE.format(before=_NAME, after=_UNNAMED + _NAME), _CHANGE.format(before=_UNNAMED, after="")
        ),
    ]
