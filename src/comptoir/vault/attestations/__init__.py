"""Proving an answer by an attestation: "over 18", and not when somebody was born.

Owns: requests for a proof, open for five minutes. What comes of one stands in the visit's session, and at the counter
if the customer wants it remembered (``counter/answers``). No credential, no issuer, no serial number is kept.

Words: an *attestation* is a signed statement in somebody's wallet; a *presentation* is what the wallet makes of it for
one request; *key binding* is its proof that the attestation is the presenter's own; a *trusted issuer* is a file in the
shop's folder; the *handle* of a request is the secret part of the address that the wallet answers to.

Invariants: a request is answered once; only the one predicate is asked for, never a date of birth and never a
document that identifies somebody; a presentation that shows more is refused; what is cheap to check is checked before
any signature; at most two presentations are verified at once.

Files of its own: ``trust.py`` (whom the shop trusts), ``sd_jwt.py`` and ``mdoc.py`` (the two verifiers behind one
interface), ``status.py`` (was an attestation revoked), ``requests.py`` (what wallets are asked, OpenID4VP 1.0),
``offer.py`` (what this shop can verify at present),
``proving.py`` (what a visit knows of its proofs), ``reasons.py`` (refusals in words for people).
"""
