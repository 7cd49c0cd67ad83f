"""Wish lists among friends: what somebody would like, shown to whom they choose, taken without their seeing it.

*Wish list*: products that its *owner* would like to be given, with a title and perhaps a date. *Wish*: one of them,
with how many and a note. *Share*: the list opens by a link with a secret of 100 bits; sharing again makes another
link, and the one before opens nothing any more. *Claim*: a *friend*, who has the link and needs no account, says that
they will give so many pieces of a wish; it is claimed, ordered, bought, or let go.

Always true: of a wish no more pieces are claimed than it has, whoever races for them; a claim changes nothing that its
owner can see, in any table, event, stream or answer about them, until the list's date has come: claims stand in a table
and in events of their own, which name the owner nowhere, and what an owner does is taken or refused the same way
whether anything is claimed or not. A date that is moved forward opens nothing sooner. No link and no friend's secret is
kept, only what is derived from them. An order that is cancelled lets its claim go.

Not here: the address to which a gift goes, and who may be sent one by whom (the vault). Files of its own: ``codes.py``
(links and friends' secrets), ``following.py`` (claims while events pass by). ``rebuilding`` derives the tables from the
log anew; ``forgetting`` severs them.
"""
