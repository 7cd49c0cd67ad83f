"""Who may sign in, and with what: the shop's staff, and customers who made a passkey.

Owns: users, one-time links, and (through django-allauth) their e-mail addresses, passkeys, authenticator apps
and recovery codes. Everybody signs in here, in the vault, and carries a ticket to where they are going.

Words: a *user* is somebody who can sign in, staff or customer; a *staff member* is a person who works for the shop; a
*second factor* is a passkey, or an authenticator app beside the code sent by e-mail; a *one-time link* is printed by
the operator's machine and signs one person in once.

Invariants: nobody has a password; nobody enters the office without a second factor or a fresh one-time link;
a one-time link works once and for ten minutes; a customer's row holds no name and no address; the last passkey of a
customer stays.

Files of its own: ``adapters.py``, ``attempts.py`` and ``mail.py`` (how django-allauth behaves here), ``passkeys.py``
(asking for one, and what is wrong with an answer), ``safety.py`` (cooling, freezing and notices after a change),
``web.py`` (who is signed in, and how lately a passkey was shown), ``recovery.py`` (a new passkey at the counter),
``openid/`` (signing in with the shop's identity provider).
"""
