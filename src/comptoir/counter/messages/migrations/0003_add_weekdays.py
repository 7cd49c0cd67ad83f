from django.db import migrations, models


class Migration(migrations.Migration):
    """Days of the week on which messages leave."""

    dependencies = [("messaging", "0002_add_examples_and_senders")]

    operations = [
        migrations.AddField(
            model_name="dispatch", name="weekdays", field=models.JSONField(db_default=[], default=list)
        ),
    ]
