"""How the square does, by participation and not by reach: who begins, who answers, who comes back.

*Contribution*: a post that everybody sees, by a customer; the shop's own posts are counted beside it and never as one.
*Conversation*: what a question, an idea, a story or a review begins. *Seeded*: begun by the shop so that there is
something to answer; counted as the shop's talk, never as a conversation that somebody began. *Imported*: said in
another place, on its own date; told apart from what was said here.

Always true: every post that counts has one row, with when somebody else first answered it, and by whom; the rows are
what the posts of the threads say, whoever made them last. Each figure has its numerator, its denominator and an
interval, and an empty denominator is nothing, never 0.

Files of its own: ``figures.py`` (the figures, read from the rows), ``rules.py`` (their statistics, with sources),
``honesty.py`` (how often somebody is sent elsewhere), ``forgetting.py`` and ``rebuilding.py`` (as in ``community``).
What the figures mean: ``docs/community.md``.
"""
