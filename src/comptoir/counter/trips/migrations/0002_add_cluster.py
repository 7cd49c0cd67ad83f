"""The store whose customers were drawn together at the entrance."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("trips", "0001_first_tables"),
    ]

    operations = [
        migrations.AddField(
            model_name="trip",
            name="cluster",
            field=models.TextField(db_default="", default=""),
        ),
    ]
