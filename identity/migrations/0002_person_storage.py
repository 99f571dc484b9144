"""How PostgreSQL keeps people: their traits stay in the row, and rows keep room to change in place.

Documents of over 2 KB would be moved out of the row and fetched one by one, which makes counting many times slower.
`last_seen` moves often and has no index, so with some free room in each page such an update touches no index at all.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("identity", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql=[
                "ALTER TABLE identity_person ALTER COLUMN traits SET STORAGE MAIN",
                "ALTER TABLE identity_person SET (toast_tuple_target = 8160, fillfactor = 85)",
            ],
            reverse_sql=[
                "ALTER TABLE identity_person ALTER COLUMN traits SET STORAGE EXTENDED",
                "ALTER TABLE identity_person RESET (toast_tuple_target, fillfactor)",
            ],
        )
    ]
