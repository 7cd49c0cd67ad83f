"""Staff members become users of the kind ``staff``; a customer's row has neither a name nor an address."""

import django.db.models.functions.text
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("credentials", "0001_staff")]

    operations = [
        migrations.AlterModelTable(name="user", table=None),
        migrations.AddField(
            model_name="user",
            name="kind",
            field=models.CharField(
                choices=[("staff", "Staff"), ("customer", "Customer")], default="staff", max_length=8
            ),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="user",
            name="name",
            field=models.CharField(blank=True, default="", max_length=100, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="user",
            name="email",
            field=models.EmailField(blank=True, max_length=254, null=True, unique=True, verbose_name="e-mail address"),
        ),
        migrations.RemoveConstraint(model_name="user", name="credentials_staffmember_email"),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.UniqueConstraint(
                django.db.models.functions.text.Lower("email"), name="credentials_user_email"
            ),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=(Q(kind="staff") & ~Q(name="") & Q(email__isnull=False))
                | Q(kind="customer", name="", email__isnull=True),
                name="credentials_user_kind",
            ),
        ),
    ]
