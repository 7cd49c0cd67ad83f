"""The log in monthly partitions, the identities of events, the outbox and how far it was relayed."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.db import migrations, models

import comptoir.foundation.events.models

# Positions are UUIDv7: their first 48 bits are milliseconds since 1970, so a range of ids is a range of time.
LOG = """
create table events_event (
    position uuid not null primary key,
    customer uuid,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    source text not null,
    id text not null,
    type text not null,
    touchpoint text not null,
    status text not null check (status in ('accepted', 'refused')),
    data json not null,
    outcome json not null,
    decision json
) partition by range (position);

create table events_event_rest partition of events_event default;

create function events_bound(at timestamptz) returns uuid language sql immutable strict parallel safe as $$
    select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Makes the partition of the month in which a moment lies, unless it is there. For the counter's clock, which may
-- not create tables by itself.
create function events_make_partition(at timestamptz) returns boolean language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
    first timestamptz := date_trunc('month', at, 'UTC');
    next timestamptz := date_trunc('month', at, 'UTC') + interval '1 month';
    name text := 'events_event_' || to_char(first at time zone 'UTC', 'YYYY_MM');
begin
    perform pg_advisory_xact_lock(7209003);
    if to_regclass('public.' || name) is not null then
        return false;
    end if;
    execute format(
        'create table public.%I partition of public.events_event for values from (%L) to (%L)',
        name, public.events_bound(first), public.events_bound(next)
    );
    return true;
end
$$;
revoke execute on function events_make_partition(timestamptz) from public;

select events_make_partition(now() + month * interval '1 month') from generate_series(0, 3) as month;
"""

UNDO_LOG = """
drop function events_make_partition(timestamptz);
drop table events_event;
drop function events_bound(timestamptz);
"""


class Migration(migrations.Migration):
    """First tables."""

    initial = True

    dependencies: list[tuple[str, str]] = []

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(LOG, UNDO_LOG)],
            state_operations=[
                migrations.CreateModel(
                    name="Event",
                    fields=[
                        ("position", models.UUIDField(primary_key=True, serialize=False)),
                        ("customer", models.UUIDField(null=True)),
                        ("occurred_at", models.DateTimeField()),
                        ("received_at", models.DateTimeField()),
                        ("source", models.TextField()),
                        ("id", models.TextField()),
                        ("type", models.TextField()),
                        ("touchpoint", models.TextField()),
                        ("status", models.TextField()),
                        ("data", comptoir.foundation.events.models.WrittenJsonField()),
                        ("outcome", comptoir.foundation.events.models.WrittenJsonField()),
                        ("decision", comptoir.foundation.events.models.WrittenJsonField(null=True)),
                    ],
                ),
            ],
        ),
        migrations.CreateModel(
            name="Identity",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "source", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("source", models.TextField(db_collation="C")),
                ("id", models.TextField(db_collation="C")),
                ("position", models.UUIDField()),
                ("fingerprint", models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name="Outbox",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("transaction", models.BigIntegerField()),
                ("positions", django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="Relay",
            fields=[
                ("destination", models.TextField(primary_key=True, serialize=False)),
                ("transaction", models.BigIntegerField()),
                ("outbox", models.BigIntegerField()),
                ("delivered_at", models.DateTimeField(null=True)),
                ("failing_since", models.DateTimeField(null=True)),
                ("failure", models.TextField(default="")),
            ],
        ),
    ]
