"""A shop's customer lists on their way in: what their columns mean, and how their rows are understood.

A customer list is what another system wrote about a shop's customers, as a CSV file with one customer a row. A row
becomes an entry of ``vault/lists`` or, with its line and a reason, is refused. Invariants: what is read stays in this
process's memory, on no disk; a report names lines, columns and reasons, never a value; no date of birth is taken.

Files: ``mapping.py`` (what the columns mean), ``reading.py`` (the rows), ``taking.py`` (what is kept and
proposed), ``telling.py`` (what the counter is told).
"""
