from django.db import migrations, models


class Migration(migrations.Migration):
    """Why a message waits although it is due."""

    dependencies = [("messaging", "0003_add_weekdays")]

    operations = [
        migrations.AddField(model_name="waiting", name="why", field=models.TextField(db_default="", default="")),
    ]
