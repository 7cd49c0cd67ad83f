from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("programme", "0004_add_rounds"),
    ]

    operations = [
        migrations.RenameModel(old_name="Round", new_name="Invitation"),
        migrations.RenameField(model_name="invitation", old_name="round", new_name="invitation"),
    ]
