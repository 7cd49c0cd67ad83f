"""What a promotion changed: people who got it compared with people who, by chance, did not.

*Arm*: the people who got the same. *Control group*: the arm that got nothing, and says what would have been. *Effect*:
what an arm has more than the control group, for each person, with an interval. The outcome is what is counted for a
person. *Covariate*: a figure from before, which takes out what was there anyway. *Cluster*: people who were assigned
together, such as a shop's. *Share*: how much of everybody an arm was meant to have. *Holdout*: who, by chance, gets
nothing.

Always true: everybody who was assigned is counted, whether the promotion reached them or not. An arm of another size
than was planned overrules every other verdict. "Cannot tell yet" is a verdict. What is read is a file, with one row a
person, and never says who they are.

Files of its own: ``assignment.py`` (who gets what, by a hash), ``reading.py`` (the file), ``estimators.py`` (the
statistics), ``measuring.py`` (from the file to the effects), ``telling.py`` (the effects in sentences), ``drawing.py``
(the effects as a picture), ``simulations.py`` (how often the intervals are right; prints the table of
``docs/effects.md``). Not here: the square's experiments on texts (``square/programme``), whose interval for every look
is used here too.
"""
