"""Looking after the square: what members and others report, what the shop decides on it, and why.

*Flag*: a member says that something is wrong with a post. *Notice*: somebody says, without an account, that a post is
illegal (Article 16 of the Digital Services Act), and gets a *receipt* to ask by. *Decision*: what a person of the shop
does about a post, with a *statement of reasons* for its author. *Appeal*: the author objects, and somebody else
decides.

Always true: no machine hides anything; what a machine has held, a person decides. A person flags a post once, under
whichever name. Nobody answers an appeal against a decision of their own. Who has flagged is seen in the queue by the
staff and by nobody else; the square's role cannot read it. What becomes of a post is done by the package
``community``, which knows posts; here stand the reasons.

Files of its own: ``rebuilding.py`` (the same from the log), ``forgetting.py`` (what stays of somebody who is
forgotten), ``trust.py`` (levels of trust, and what they allow), ``filtering.py`` (the filter for spam, whose first
weights are ``filter.json``), ``installed.py`` (which filter is asked), ``screening.py`` (why a new post waits for a
person).
"""
