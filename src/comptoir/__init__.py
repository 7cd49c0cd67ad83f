"""Comptoir: one counter for every channel.

The folders are rooms, from the outermost to the innermost: ``foundation``,
``square``, ``counter``, then ``office`` and ``vault`` side by side, and
``doors`` through which the world comes in. Imports go outwards only.
"""
