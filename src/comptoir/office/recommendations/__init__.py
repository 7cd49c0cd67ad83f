"""Recommendations measured as a promotion is: who sees their own, who by chance does not, and what that changed.

*Holdout*: of those who agreed to be shown things by what they bought, a share who see what everybody sees, drawn by the
same hash as the holdouts of campaigns, with the same secret. What was drawn is an event, so it stays as it is.

Always true: whoever was drawn stays in their arm; everybody who was drawn is counted, whatever they looked at; shares
of another time are not mixed. Not here: what fits somebody (``counter/recommendations``), the statistics
(``office/experiments``).
"""
