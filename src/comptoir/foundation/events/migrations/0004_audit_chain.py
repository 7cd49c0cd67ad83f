"""The audit chain and its checkpoints: appended to by a function of the database, changed by nobody."""

from __future__ import annotations

from django.db import migrations, models

CHAIN = """
-- Appends one entry, given as its JSON: numbers it, chains it, and believes no room that says it is another one.
create function events_append_audit(content text) returns bigint language plpgsql security definer
set search_path = pg_catalog, public, pg_temp as $$
declare
    entry jsonb := content::jsonb;
    last record;
    place bigint;
begin
    if octet_length(content) > 8192 or entry is null or jsonb_typeof(entry) <> 'object'
        or (select array_agg(key order by key) from jsonb_object_keys(entry) key)
            is distinct from array['action', 'actor', 'at', 'detail', 'purpose', 'room', 'subject'] then
        raise exception 'this is not an entry of the audit chain' using errcode = 'check_violation';
    end if;
    -- current_user is the owner in here; session_user is who connected. Whoever may act as the owner is the operator.
    if session_user <> 'comptoir_' || (entry->>'room') and not pg_has_role(session_user, current_user, 'MEMBER') then
        raise exception '% may not append in the name of another room', session_user
            using errcode = 'insufficient_privilege';
    end if;
    perform pg_advisory_xact_lock(7209020);
    select number, hash into last from public.events_audit order by number desc limit 1;
    place := coalesce(last.number + 1, 0);
    insert into public.events_audit (number, subject, content, hash)
    values (
        place, (entry->>'subject')::uuid, content,
        sha256('\\x02'::bytea || coalesce(last.hash, decode(repeat('00', 32), 'hex')) || int8send(place)
            || sha256('\\x00'::bytea || convert_to(content, 'UTF8')))
    );
    return place;
end
$$;
revoke execute on function events_append_audit(text) from public;

-- Grants keep the rooms away; this keeps the owner from a slip of the hand.
create function events_keep_as_written() returns trigger language plpgsql
set search_path = pg_catalog, public, pg_temp as $$
begin
    raise exception 'nothing in % is ever changed', tg_table_name using errcode = 'insufficient_privilege';
end
$$;
revoke execute on function events_keep_as_written() from public;

create trigger events_audit_as_written before update or delete or truncate on events_audit
    for each statement execute function events_keep_as_written();
create trigger events_checkpoint_as_written before update or delete or truncate on events_checkpoint
    for each statement execute function events_keep_as_written();
"""

UNDO_CHAIN = """
drop trigger events_checkpoint_as_written on events_checkpoint;
drop trigger events_audit_as_written on events_audit;
drop function events_keep_as_written();
drop function events_append_audit(text);
"""


class Migration(migrations.Migration):
    """Audit chain."""

    dependencies = [("events", "0003_outcomes_as_sent")]

    operations = [
        migrations.CreateModel(
            name="Audit",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("subject", models.UUIDField(null=True)),
                ("content", models.TextField()),
                ("hash", models.BinaryField()),
            ],
            options={"indexes": [models.Index(fields=["subject", "number"], name="audit_by_subject")]},
        ),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("size", models.BigIntegerField(primary_key=True, serialize=False)),
                ("note", models.TextField()),
                ("edge", models.BinaryField()),
                ("made_at", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(CHAIN, UNDO_CHAIN),
    ]
