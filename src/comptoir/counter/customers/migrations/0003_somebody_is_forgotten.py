"""A mark of everybody who was forgotten."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Somebody is forgotten."""

    dependencies = [("customers", "0002_add_choices")]

    operations = [
        migrations.CreateModel(
            name="Forgotten",
            fields=[("mark", models.BinaryField(primary_key=True, serialize=False))],
        ),
    ]
