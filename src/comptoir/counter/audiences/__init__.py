"""What is known of customers in figures, and which audiences they belong to.

*Line*: goods that somebody bought and kept, one row for each line of a sale. *Act*: something else that somebody did,
one row for each event. *Figures*: one row for each customer with what is asked often. *Member*: a person who is in a
segment. *Lake*: the same as files, for engines that read a year at once; its *manifest* names those that count.
*Follower*: what brings these rows up to date as events arrive, behind the gateway and never in its way.

Always true: lines, acts and figures are what the log says, whoever made them last, in whatever order it was heard;
days are the shop's. What somebody does not allow is marked in their figures and never counted. Nobody who is forgotten
has a row: who follows and who forgets wait for each other.

Files of its own: ``following.py`` (the follower), ``lake.py`` (the same as files), ``rebuilding.py`` and
``forgetting.py`` (as in ``sales``).

Not here: what a segment is, and who is in it (``office/segments``).
"""
