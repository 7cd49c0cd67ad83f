"""The first tables of this package."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="UsedCode",
            fields=[
                ("digest", models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ("ends_at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name="Withdrawal",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "customer", "over", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("customer", models.UUIDField()),
                ("over", models.SmallIntegerField()),
                ("withdrawn_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Answer",
            fields=[
                ("position", models.UUIDField(primary_key=True, serialize=False)),
                ("customer", models.UUIDField()),
                ("over", models.SmallIntegerField()),
                ("method", models.TextField()),
                ("given_at", models.DateTimeField()),
                ("valid_until", models.DateTimeField()),
                ("by", models.TextField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["customer", "over"], name="answer_of_customer")],
            },
        ),
    ]
