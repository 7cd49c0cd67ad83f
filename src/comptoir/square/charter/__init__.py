"""The charter: what the community has agreed on, section by section, and how its members amend it.

*Charter*: the rules of the square, in sections that each have a name for good. *Section*: one rule, held with all its
versions. *Proposal*: the whole new text of one section, or a new section, with a reason; members vote on it.
*Ballot*: how somebody voted. *Veto*: the shop's word against a proposal, with a reason that everybody reads.

Always true: the shop writes sections until somebody proposes an amendment, and none afterwards. A proposal carries the
rules under which it is voted on (days, quorum), so that nothing changes while people vote. Members of level 2 propose,
one proposal at a time; members of level 1 vote, each person once, under whichever name. What was adopted stays, in the
log too, when its author is forgotten; a version is never changed. The clock adopts and rejects, nobody else.

Files of its own: ``forgetting.py`` (what stays of somebody who is forgotten), ``rebuilding.py`` (the same from the
log), ``comparing.py`` (what a version changes in the one before it).
"""
