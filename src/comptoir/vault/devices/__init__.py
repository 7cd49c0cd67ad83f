"""What a person lets the shop's own devices read: the pairing of a reader, a kiosk or a till with somebody (RFC 8628).

Owns: devices, requests for a pairing, pairings, and what becomes of their tokens. The protocol and the tokens
themselves are django-allauth's; its own endpoints have no address here.

Words: a *device* is a thing of the shop that staff registered; a *pairing* is that one device may read something of
one person until a day; its *family* is all tokens that were ever issued for it.

Invariants: only a registered device with its key asks; the person types the code, and no address carries it; no scope
spends or changes anything; a refresh token is good once, and its second use ends the whole family; a device code
gives one pairing.

Imported by ``credentials``, and never the other way round. Files of its own: ``tokens.py`` (what a device sends and
gets), ``migrations`` beside the library's.
"""
