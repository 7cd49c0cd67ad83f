from django.db import migrations, models


class Migration(migrations.Migration):
    """The store whose customers were drawn together."""

    dependencies = [("messaging", "0003_add_weekdays")]

    operations = [
        migrations.AddField(model_name="decision", name="cluster", field=models.TextField(db_default="", default="")),
    ]
