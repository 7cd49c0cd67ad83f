from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0005_devices"),
    ]

    operations = [
        migrations.CreateModel(
            name="StoppedNumber",
            fields=[
                ("digest", models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_index=True)),
            ],
            options={"db_table": "contacts_stopped"},
        ),
    ]
