"""A sale's lines stand in the log, and nowhere else: whoever takes goods back reads them there.

Before the first release, so nothing older runs beside it; stop the gateway while it is applied.
"""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    """Lines in the log."""

    dependencies = [("sales", "0001_first_tables")]

    operations = [migrations.RemoveField(model_name="sale", name="lines")]
