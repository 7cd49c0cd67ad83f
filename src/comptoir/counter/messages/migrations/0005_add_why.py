from django.db import migrations, models


class Migration(migrations.Migration):
    """Why a message waits although it is due."""

    dependencies = [("messaging", "0004_add_cluster")]

    operations = [
        migrations.AddField(model_name="waiting", name="why", field=models.TextField(db_default="", default="")),
    ]
