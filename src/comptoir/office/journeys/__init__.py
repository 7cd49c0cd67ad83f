"""Journeys: when something happens, wait, check, and say something; each with an exit and a holdout.

*Journey*: what begins it, its steps, its exits, and who may enter again. *Happening*: an event that begins a journey
for one person. *Step*: wait, check, message, points. *Exit*: what ends a trip before its last step. *Re-entry*: whether
somebody enters once, at most every so many days, or each time.

Always true: a person enters once for each occurrence of the policy. An arm is drawn at the entrance, before anything
else happens. A version that somebody entered with is the one that they end with. What is killed sends nothing more. A
simulation walks the same steps by the same rules, and writes nothing.

Files of its own: ``happenings.py`` (what begins a journey, now and in the past year), ``travelling.py`` (who enters,
and what is due), ``asking.py`` (exits asked again before a message leaves), ``simulating.py`` (a journey on the past
year).

Not here: who is on which journey (``counter/trips``), sending (``vault``).
"""
