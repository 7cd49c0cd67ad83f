"""The office: what the staff decide. It works with opaque customers, and never sees a name or an address.

Of what is designed for this room, ``experiments`` stands: whether a promotion did what it was for.
"""
