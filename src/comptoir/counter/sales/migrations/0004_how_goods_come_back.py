from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sales", "0003_sales_by_link"),
    ]

    operations = [
        migrations.AddField("return", "goods", models.TextField(db_default="on_shelf")),
        migrations.AddField("return", "refund", models.TextField(null=True)),
        migrations.AddIndex(
            "return",
            models.Index(fields=["position"], name="return_as_paid", condition=models.Q(refund="as_paid")),
        ),
    ]
