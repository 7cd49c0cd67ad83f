"""What posts on other networks sold: by the short link that a sale named, and by weeks without posts.

*Last touch*: a sale belongs to the short link that its web shop saw last. *Incremental*: what was sold more than would
have been sold anyway; only chance can tell, and so a *posting plan* draws for each week of a username whether it
posts or rests.

Always true: last touch is never called an effect. A week is drawn before it begins, from a secret of the shop's, and
never again. "Cannot tell yet" is a verdict.

Not here: the short links themselves (``square/shortlinks``), which sale named which (``counter/sales``).
"""
