"""What was spent of cards for a receipt is found by it: the returns desk asks."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """An index of draws by their receipts."""

    dependencies = [("giftcards", "0001_first_tables")]

    operations = [
        migrations.AddIndex(
            model_name="draw",
            index=models.Index(
                condition=models.Q(("receipt__isnull", False)), fields=["receipt"], name="gift_card_spent_for"
            ),
        ),
    ]
