"""Campaigns: who of a segment gets which message, who does not and why, and what that changed.

*Campaign*: a message to a segment, with a holdout. A *version* of it is written once; a change is a new one. *Target
list*: a segment frozen at a moment, minus those without consent, minus caps, minus the holdout. *Cap*: how many
marketing messages one person gets in so many days, over all campaigns. *Launch*: that a version is to be sent, at once
or at a moment. Where stores are drawn, everybody who buys at a store most is in one arm with it. The lasting holdout
gets nothing of any campaign for a year.

Always true: about one person a campaign decides once, whatever version of it asks, and however many do at once; the
decision says what happens and why. A holdout is on unless somebody wrote down why not. A list that was frozen never
changes. Nobody here sees a name or an address.

Files of its own: ``windows.py`` (when messages may leave), ``segmenting.py`` (the segments that lists come from),
``asking.py`` (these asked again before a message leaves), ``effects.py`` (what a campaign changed), ``grouping.py``
(into which groups people fall).

Not here: the texts, and what became of each message (``counter/messages``); addresses and sending (``vault``); who is
in a segment (``office/segments``); the statistics (``office/experiments``).
"""
