"""Payments behind one interface: sessions at a provider, what was captured, what went back, and what providers report.

Owns: every session, capture, refund, chargeback and report. It knows amounts of a purpose, an opaque number of whoever
asks for money (an order); never a basket, a customer or an address, and no card number ever comes here.

Words: a *payment purpose* is what money is asked for, paid at most once; a *payment session* is one attempt on the
provider's own page; a *capture* is money that came, a *refund* money that goes back, a *chargeback* money that a bank
took back; a *provider report* is what a provider tells by a signed request; a *payment listener* hears what came of it.

Always true: a row is committed before the provider is asked, and asked again under the same number; no answer is never
taken for a no. What is captured and not wanted goes back whole. The refunds of a capture never exceed it. A report
counts once, whenever and how often it arrives. What follows is told upwards in the transaction that writes it down.

Files of its own: ``ports.py`` (what a provider has to be able to do, and which the shop has), ``pretend.py`` (the
simulator as a provider), ``stripe_checkout.py`` (Stripe as one), ``signing.py`` (signatures after Standard Webhooks),
``listening.py`` (who is told), ``applying.py`` (what follows from an answer or a report), ``refunding.py`` (money on
its way back), ``attending.py`` (what a person does about what nobody can answer for).
"""
