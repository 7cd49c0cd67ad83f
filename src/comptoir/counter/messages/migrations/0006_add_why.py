from django.db import migrations, models


class Migration(migrations.Migration):
    """Why a message waits although it is due."""

    dependencies = [("messaging", "0005_outcomes_are_told")]

    operations = [
        migrations.AddField(model_name="waiting", name="why", field=models.TextField(db_default="", default="")),
    ]
