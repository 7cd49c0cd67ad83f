"""Who is on which journey: the rows that the office writes and that end when somebody is forgotten.

A *trip* is one person's way through a journey: since when, in which arm, at which step, and why it ended.

Always true: a person enters a journey once for each occurrence. A trip that has ended never goes on. Whoever is
forgotten is on no trip any more.

Files of its own: ``forgetting.py`` (trips of whoever is forgotten).

Not here: what a journey is, when somebody enters and what happens next (``office/journeys``).
"""
