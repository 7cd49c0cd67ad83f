"""Whom another system has told of the promotions that it gives."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("offers", "0004_reservations_of_nothing"),
    ]

    operations = [
        migrations.CreateModel(
            name="Targeting",
            fields=[
                ("position", models.UUIDField(primary_key=True, serialize=False)),
                ("customer", models.UUIDField()),
                ("series", models.TextField(db_collation="C")),
                ("targeted_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["series", "customer"], name="targeting_of_series"),
                    models.Index(fields=["customer"], name="targeting_of_customer"),
                ],
            },
        ),
    ]
