"""What ``customers_permits`` says, in a shape that a statement over many customers takes in as its own part."""

from django.db import migrations

PERMITTED = """
create function customers_permitted(customer uuid, purpose text, channel text) returns table (is_permitted boolean)
language sql stable parallel safe as $$
  select $2 in ('points', 'service') or coalesce(
    (select $3 = any (p.channels) from customers_permission p where p.customer = $1 and p.purpose = $2),
    $2 in ('analysis')
  )
$$;
-- A function that is asked for one customer is begun anew for each; this one is part of whatever asks.
create or replace function customers_permits(customer uuid, purpose text, channel text) returns boolean
language sql stable parallel safe as $$
  select is_permitted from customers_permitted($1, $2, $3)
$$;
"""


class Migration(migrations.Migration):
    """Permissions of many customers."""

    dependencies = [("customers", "0006_consents_end")]

    operations = [migrations.RunSQL(PERMITTED, migrations.RunSQL.noop)]
