from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0001_first_tables"),
    ]

    operations = [
        migrations.CreateModel(
            name="Repayment",
            fields=[
                ("position", models.UUIDField(primary_key=True, serialize=False)),
                ("order", models.UUIDField(db_index=True)),
                ("amount", models.BigIntegerField()),
                ("why", models.TextField(default="")),
                ("asked_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("amount__gte", 0)), name="repayment_amount")
                ],
            },
        ),
    ]
