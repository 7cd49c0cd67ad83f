"""With a purchase goes what its basket cost before a coupon: the sum would lead back to the sale (ADR 0022)."""

from __future__ import annotations

from django.db import migrations

_FORMER = "elsif event.type in ('points.redeem', 'points.post') then"
# Both keep their place and their use of a coupon; what was given stays in the promotion's books.
_BASKETS = r"""elsif event.type in ('coupon.redeem', 'coupon.post') and event.source = sold.source
            and (event.data -> 'receipt')::text = receipt then
            new_data := replace(new_data, ',"receipt":' || receipt, '');
            new_data := regexp_replace(
                new_data, '"basket":\[[^]]*\]', '"basket":[{"product":"-","quantity":1,"amount":0}]'
            );
            new_outcome := regexp_replace(new_outcome, ',"basket":\{.*\}\}$', '}');
            update events_event set data = new_data::json, outcome = new_outcome where position = event.position;
            if event.type = 'coupon.post' then
                -- Of what was held the basket was said when it was reserved, without a receipt.
                with held as (
                    update events_event e set
                        data = regexp_replace(
                            e.data::text, '"basket":\[[^]]*\]', '"basket":[{"product":"-","quantity":1,"amount":0}]'
                        )::json,
                        outcome = regexp_replace(e.outcome, ',"basket":\{.*\}\}$', '}')
                    where e.customer = any (members) and e.customer is not null
                        and (e.type <> 'sale.closed' or e.decision is null)
                        and e.type = 'coupon.reserve' and e.touchpoint = event.touchpoint
                        and e.data ->> 'reservation' = event.data ->> 'reservation'
                    returning e.source, e.id, e.type, e.occurred_at, e.data
                )
                update events_identity i set
                    fingerprint = events_fingerprint(held.type, held.occurred_at, held.data::text)
                from held where i.source = held.source and i.id = held.id;
            end if;
        """
_CHANGE = """
do $do$ begin
    execute replace(
        pg_get_functiondef('events_let_go(uuid, uuid[], uuid[])'::regprocedure), $before${before}$before$,
        $after${after}$after$
    );
end $do$;
"""


class Migration(migrations.Migration):
    """What a basket cost is forgotten."""

    dependencies = [("events", "0014_coupons_mention_nobody_else")]

    operations = [
        migrations.RunSQL(
            _CHANGE.format(before=_FORMER, after=_BASKETS + _FORMER), _CHANGE.format(before=_BASKETS, after="")
        )
    ]
