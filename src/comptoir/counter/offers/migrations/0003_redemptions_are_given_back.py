"""A redemption may be given back with the goods."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("offers", "0002_receipts_of_sales"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="redemption", name="redemption_status"),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["held", "redeemed", "released", "expired", "returned"])),
                name="redemption_status",
            ),
        ),
    ]
