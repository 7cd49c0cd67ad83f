"""What every package may use: clock, ids, money, whole numbers, codec, problems, the shop's folder, database access.

The list of files here is closed (``tests/test_house.py`` holds it): a new one needs a decision, not a habit.
No domain words: nothing here knows what a customer, a sale or a point is.
"""
