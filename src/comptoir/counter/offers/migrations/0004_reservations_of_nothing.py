"""A reservation may hold nothing, and what one source reserves another one may sell."""

from django.db import migrations, models
from django.db.models.functions import Coalesce


class Migration(migrations.Migration):
    dependencies = [
        ("offers", "0003_redemptions_are_given_back"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="redemption",
            name="redemption_of_sale",
        ),
        migrations.AddField(
            model_name="redemption",
            name="sale_source",
            field=models.TextField(db_collation="C", null=True),
        ),
        migrations.AlterField(
            model_name="redemption",
            name="promotion",
            field=models.UUIDField(null=True),
        ),
        migrations.AddIndex(
            model_name="redemption",
            index=models.Index(
                models.F("receipt"),
                Coalesce("sale_source", "source"),
                condition=models.Q(("receipt__isnull", False)),
                name="redemption_at_sale",
            ),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("promotion__isnull", False),
                    models.Q(("coupon", None), ("discount", 0), ("name__isnull", False)),
                    _connector="OR",
                ),
                name="redemption_of_something",
            ),
        ),
    ]
