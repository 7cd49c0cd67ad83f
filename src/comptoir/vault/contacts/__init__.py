"""Where people can be reached: names, postal addresses, e-mail, telephone, sealed with a key for each person and face.

Owns: sealed pieces of contact data, where devices are reached, the wrapped data keys that open them, blind indexes,
former e-mail addresses, numbers from which STOP came, the versions of the key keeper's key, and tombstones of keys that
were destroyed.

Words: a *piece* is one field of somebody's contact data; a *face* is the person itself or one of its personas; a
*data key* seals the pieces of one face; the *key keeper* wraps data keys with a key that is not in the database; a
*blind index* finds a value without showing it; *shredding* destroys a data key, of which a *tombstone* remains.

Invariants: no value is in the database in clear, or in a log, a message of an error, a metric; a value opens only in
its own row, under its own person's key; without the key keeper nothing opens, and the vault is closed; what was
shredded opens no more, whoever has a copy of the table. Every access is in the audit chain, with its purpose.

Files of its own: ``sealing.py`` (values to sealed bytes and back), ``keeping.py`` (the key keeper: which versions there
are, whether it is the right one), ``key_files.py`` and ``transit.py`` (its two back ends), ``rotation.py`` (from one
version of the key to the next), ``delivery.py`` (messages to people), ``pending.py`` (persons of a shop's lists, many
at a time), ``stopped.py`` (numbers from which STOP came), ``many.py`` (many people's, read at a time), ``treats.py``
(for whom a treat is due), ``letters.py`` (letters of what is new on the square, sent), ``subscriptions.py`` (where
devices are reached), ``notifications.py`` (what is new, sent to them), ``webpush.py`` (how: the standards),
``subscribing.py`` (the address to which a browser says it), ``countries.py`` and ``countries.csv`` (their names),
``web.py`` (the pages of a closed vault).
"""
