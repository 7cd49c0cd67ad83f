"""The first tables of this package."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Alert",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "position", "digest", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("position", models.UUIDField()),
                ("digest", models.UUIDField()),
                ("promotion", models.UUIDField(db_index=True)),
                ("touchpoint", models.TextField(db_collation="C")),
                ("source", models.TextField(db_collation="C")),
                ("shown_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="HoneyCode",
            fields=[
                ("digest", models.UUIDField(primary_key=True, serialize=False)),
                ("promotion", models.UUIDField(db_index=True)),
                ("number", models.SmallIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Coupon",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("digest", models.UUIDField(unique=True)),
                ("promotion", models.UUIDField()),
                ("campaign", models.UUIDField(null=True)),
                ("customer", models.UUIDField()),
                ("issued_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["customer"], name="coupon_of_customer")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("promotion", "campaign", "customer"), name="coupon_once", nulls_distinct=False
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Promotion",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("position", models.UUIDField(unique=True)),
                ("definition", models.JSONField()),
                ("codes", models.TextField()),
                ("digest", models.UUIDField(null=True)),
                ("published_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("redemptions", models.BigIntegerField()),
                ("discount", models.BigIntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("codes", "none"), ("ended_at", None)),
                        fields=["codes"],
                        name="promotion_without_code",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)), fields=("digest",), name="promotion_code"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("redemptions__gte", 0), ("discount__gte", 0)), name="promotion_not_negative"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Redemption",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "position", "ordinal", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("position", models.UUIDField()),
                ("ordinal", models.SmallIntegerField()),
                ("promotion", models.UUIDField()),
                ("coupon", models.UUIDField(null=True)),
                ("customer", models.UUIDField(null=True)),
                ("use", models.SmallIntegerField(null=True)),
                ("turn", models.SmallIntegerField(null=True)),
                ("discount", models.BigIntegerField()),
                ("status", models.TextField()),
                ("touchpoint", models.TextField(db_collation="C")),
                ("source", models.TextField(db_collation="C")),
                ("name", models.TextField(db_collation="C", null=True)),
                ("receipt", models.TextField(db_collation="C", null=True)),
                ("redeemed_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["promotion"], name="redemption_of_promotion"),
                    models.Index(
                        condition=models.Q(("customer__isnull", False)),
                        fields=["customer"],
                        name="redemption_of_customer",
                    ),
                    models.Index(condition=models.Q(("status", "held")), fields=["expires_at"], name="redemption_held"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status__in", ["held", "redeemed"]), ("coupon__isnull", False)),
                        fields=("coupon", "use"),
                        name="coupon_use_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("status__in", ["held", "redeemed"]), ("turn__isnull", False)),
                        fields=("promotion", "customer", "turn"),
                        name="customer_turn_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("name__isnull", False)),
                        fields=("touchpoint", "name", "ordinal"),
                        name="redemption_name",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["held", "redeemed", "released", "expired"])),
                        name="redemption_status",
                    ),
                    models.CheckConstraint(condition=models.Q(("discount__gte", 0)), name="redemption_discount"),
                ],
            },
        ),
    ]
