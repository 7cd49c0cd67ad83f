from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("lists", "0001_first_tables"),
    ]

    operations = [
        migrations.AddField(
            model_name="decision",
            name="told_at",
            field=models.DateTimeField(null=True),
        ),
    ]
