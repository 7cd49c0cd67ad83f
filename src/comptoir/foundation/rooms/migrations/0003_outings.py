"""Visits of the square that hang on a sign-in, without telling the square on which."""

from django.db import migrations, models

TOGETHER = """
alter table rooms_outing add constraint outing_of_a_sign_in
foreign key (sign_in) references rooms_standing (sign_in) on delete cascade
"""
VIEW = "create view rooms_outingthatholds as select number from rooms_outing order by number"


class Migration(migrations.Migration):
    """Outings."""

    dependencies = [
        ("rooms", "0002_sign_ins_in_every_room"),
    ]

    operations = [
        migrations.CreateModel(
            name="Outing",
            fields=[
                ("number", models.UUIDField(primary_key=True, serialize=False)),
                ("sign_in", models.UUIDField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name="OutingThatHolds",
            fields=[
                ("number", models.UUIDField(primary_key=True, serialize=False)),
            ],
            options={
                "managed": False,
            },
        ),
        migrations.RunSQL(TOGETHER, "alter table rooms_outing drop constraint outing_of_a_sign_in"),
        migrations.RunSQL(VIEW, "drop view rooms_outingthatholds"),
    ]
