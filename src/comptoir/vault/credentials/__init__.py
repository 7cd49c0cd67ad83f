"""Who may sign in, and with what: today the shop's staff.

Owns: staff members, one-time links, and (through django-allauth) their e-mail addresses, passkeys, authenticator apps
and recovery codes. Everybody signs in here, in the vault, and carries a ticket to where they are going.

Words: a *staff member* is a person who works for the shop; a *second factor* is a passkey, or an authenticator app
beside the code sent by e-mail; a *one-time link* is printed by the operator's machine and signs one person in once.

Invariants: nobody has a password; nobody enters the office without a second factor or a fresh one-time link;
a one-time link works once and for ten minutes.

Files of its own: ``adapters.py`` and ``mail.py`` (how django-allauth behaves here), ``web.py`` (who is signed in).
"""
