"""Which steps' points were refused, and by which problem."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("trips", "0002_add_cluster"),
    ]

    operations = [
        migrations.AddField(
            model_name="trip",
            name="refused",
            field=models.JSONField(db_default={}, default=dict),
        ),
    ]
