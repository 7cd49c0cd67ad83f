"""With a purchase goes the order that it was: its steps name nobody any more, and say nothing else than before (ADR 0022)."""

from __future__ import annotations

from django.db import migrations

_HEAD = "members uuid[])"
_TRACED = "members uuid[], traces text[])"
_SPOKEN = "strpos(data::text, receipt) > 0"
# Of the later steps some say the order's id, or the pick-up code's digest, and no number.
_SPOKEN_OF = (
    "(strpos(data::text, receipt) > 0 or (type in ('order.pack', 'order.hand_over', 'order.cancel')"
    " and (data ->> 'order' = any (traces) or data ->> 'code' = any (traces))))"
)
_FORMER = "        elsif event.type in ('points.redeem', 'points.post') then"
# An order stays in the books, under its number, and money goes back by it: what it says is kept, and whose it was is not.
_ORDER = r"""        elsif starts_with(event.type, 'order.') then
            if event.data ->> 'order' = any (traces) or event.data ->> 'code' = any (traces) then
                new_data := regexp_replace(
                    new_data, ',"customer":\{"kind":"[a-z0-9_]+","value":"[0-9a-f-]{36}"\}', ''
                );
                new_data := regexp_replace(new_data, ',"basket":"[0-9a-f-]{36}"', '');
                new_outcome := regexp_replace(new_outcome, ',"customer":"[0-9a-f-]{36}"', '');
                new_outcome := regexp_replace(new_outcome, ',"balance":\{[^{}]*\}', '');
                update events_event set data = new_data::json, outcome = new_outcome, customer = null
                where position = event.position;
            end if;
"""
_CHANGE = """
do $do$ declare
    described text := pg_get_functiondef('{there}'::regprocedure);
begin
    {steps}
    execute described;
    drop function {there};
    revoke execute on function {then} from public;
end $do$;
"""
_STEP = "described := replace(described, $before${}$before$, $after${}$after$);"
_THREE = "events_let_go(uuid, uuid[], uuid[])"
_FOUR = "events_let_go(uuid, uuid[], uuid[], text[])"
_STEPS = ((_HEAD, _TRACED), (_SPOKEN, _SPOKEN_OF), (_FORMER, _ORDER + _FORMER))


def _change(there: str, then: str, steps: tuple[tuple[str, str], ...]) -> str:
    return _CHANGE.format(there=there, then=then, steps="\n    ".join(_STEP.format(*each) for each in steps))


class Migration(migrations.Migration):
    """A sale takes its order along."""

    dependencies = [("events", "0016_a_sale_takes_its_basket_along")]

    operations = [
        migrations.RunSQL(
            _change(_THREE, _FOUR, _STEPS),
            _change(_FOUR, _THREE, tuple((after, before) for before, after in reversed(_STEPS))),
        )
    ]
