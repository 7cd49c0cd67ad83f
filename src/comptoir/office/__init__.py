"""The office: what the staff decide. It works with opaque customers, and never sees a name or an address.

``experiments`` says whether a promotion did what it was for; ``segments`` names groups of
customers, and who is in them; ``campaigns`` decides who gets which message, ``journeys`` what follows when something
happens; ``recommendations`` says who sees recommendations of their own, and what that changed.
"""
