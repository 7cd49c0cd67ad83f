"""The first tables of this package."""

import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="ProofRequest",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("visit", models.BinaryField(max_length=32)),
                ("handle", models.BinaryField(max_length=32, unique=True)),
                ("nonce", models.TextField()),
                ("over", models.SmallIntegerField()),
                ("way", models.TextField()),
                ("is_same_device", models.BooleanField()),
                ("key", models.BinaryField(null=True)),
                ("begun_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField(db_index=True)),
                ("answered_at", models.DateTimeField(null=True)),
                ("code", models.BinaryField(max_length=32, null=True)),
                ("method", models.TextField(null=True)),
                ("refusal", models.TextField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["visit"], name="proof_of_visit")],
            },
        ),
    ]
