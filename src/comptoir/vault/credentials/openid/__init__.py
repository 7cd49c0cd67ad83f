"""Staff sign in with the shop's own identity provider (OpenID Connect Core 1.0, Back-Channel Logout 1.0).

Words: an *identity provider* is the server at which the shop's people have their accounts already; a *provider link*
says that one of its subjects is one staff member; a *logout token* is its word that somebody is signed out there.

Invariants: nobody is made, and nobody is joined by an equal address: a link is made by the operator, or by the staff
member in a session that was just confirmed. Of what a provider says nothing is kept but its issuer and a keyed digest
of the subject. Every answer belongs to one question of this very session, and is taken once. A signature is made with
a key that the provider publishes at this moment, by an algorithm with two keys.

Files: ``declared.py`` (``openid.toml``), ``talking.py`` (discovery, keys and tokens, over the guarded client),
``tokens.py`` (what is wrong with a token; pure), ``asking.py`` (question and answer of a session), ``commands.py``
(links, and who is signed out), ``checking.py`` (what the operator is told of the configuration). ``django-allauth``'s
own client is not used: it takes an ID token from the token endpoint unverified, knows no nonce and no ``iss``, keeps
the claims, and fetches whatever it is told to.
"""
