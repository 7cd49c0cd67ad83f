"""Orders that came back whole are returned, also those that did before there was such a state."""

from django.db import migrations, models

FILL = """
update orders_order o set state = case when o.state = 'handed_over' then 'returned' else o.state end,
  moments = o.moments || jsonb_build_object('returned', b.at), position = greatest(o.position, b.position)
from (
  select s.receipt as number, sum(b.pieces) as pieces, max(r.occurred_at) as at,
    greatest(s.position, max(r.position::text)::uuid) as position
  from orders_order o join sales_sale s on s.receipt = o.number join events_event e on e.position = s.position
  join sales_return r on r.sale_source = s.source and r.sale_receipt = s.receipt and r.status = 'applied'
  cross join lateral (
    select sum((l->>'quantity')::bigint) as pieces from jsonb_array_elements(r.lines) l
  ) b
  where e.touchpoint = 'vault' and o.state <> 'cancelled' and b.pieces > 0
  group by s.source, s.receipt, s.position
) b
where o.number = b.number and not o.moments ? 'returned'
  and b.pieces = (select sum((l->>'quantity')::bigint) from jsonb_array_elements(o.lines) l);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0006_held_back"),
        ("orders", "0003_paid_in_the_store"),
        ("sales", "0004_how_goods_come_back"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="order", name="order_has_a_state"),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(state__in=["placed", "paid", "packed", "handed_over", "returned", "cancelled"]),
                name="order_has_a_state",
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
