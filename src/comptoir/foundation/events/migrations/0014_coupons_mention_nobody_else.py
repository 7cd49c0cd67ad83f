"""Whom a coupon's event is about is its customer, or stands with its redemption: no index has to read what it says."""

from __future__ import annotations

from django.db import migrations

FORMER = "sale.closed,sale.returned,points.redeem,points.reserve,points.post,points.void,points.adjust,points.expire"
LIST = f"{FORMER},coupon.redeem,coupon.reserve,coupon.post,coupon.release,coupon.issued,coupon.redeemed,coupon.return"
_INDEX = """
drop index event_mentioning;
create index event_mentioning on events_event using gin (events_mentioned(data)) where type <> all ('{{{types}}}');
"""
#: The function asks in the words of the index, or it would not go through it.
_FUNCTION = """
do $do$ begin
    execute replace(
        pg_get_functiondef('events_sever(uuid[], uuid[], jsonb)'::regprocedure), '{{{before}}}', '{{{after}}}'
    );
end $do$;
"""


def _change(before: str, after: str) -> str:
    return _FUNCTION.format(before=before, after=after) + _INDEX.format(types=after)


class Migration(migrations.Migration):
    """Coupons mention nobody else."""

    dependencies = [("events", "0013_many_audit_entries")]

    operations = [migrations.RunSQL(_change(FORMER, LIST), _change(LIST, FORMER))]
