"""The start-up programme: what the shop does, week by week, until its customers lead the square; or until it ends.

*Plan*: the shop's ``startup.toml``: phases with gates, prompts, rituals. *Gate*: what has to be true of the health
figures before the next phase; never a number of heads. *Prompt*: what the shop begins in a week, told apart as
seeded. *Ritual*: what staff do again and again, such as thanking. *First-reply guarantee*: every newcomer is
answered; customers have the first hours, then staff. *Kill switch*: an element that does not work is turned off, at
once and with a reason. *Experiment*: two texts that are compared, of a prompt or of a *reminder*, a visible rule.

Always true: nothing is done by a machine; what is due is said, and a person does it. A task is done or passed over
once. What was done, which phase began when and what is switched off are events, and come out of the log again. The
plan is the shop's file, and changes what is due from then on.

Files of its own: ``plan.py`` (what the file may say), ``reading.py`` (where it lies), ``steps.py`` (what was done
and who waits, read for pages), ``closing.py`` (a square that is an archive), ``experiments.py`` (what is compared and
assigned), ``sequential.py`` (the interval that
may be looked at every week), ``outcomes.py`` (what came of each unit, read for pages), ``rebuilding.py`` (steps and
experiments, from the log).
"""
