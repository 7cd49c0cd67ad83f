from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("invitations", "0001_first_tables"),
    ]

    operations = [
        migrations.RenameModel(old_name="Letter", new_name="Invited"),
        migrations.RenameField(model_name="invited", old_name="round", new_name="invitation"),
    ]
