"""A redemption is found by its sale, where that is to earn more points."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("offers", "0001_first_tables"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="redemption",
            index=models.Index(
                condition=models.Q(("receipt__isnull", False)), fields=["source", "receipt"], name="redemption_of_sale"
            ),
        ),
    ]
