"""Answers instead of data: that somebody is over an age, how that was shown, when, until when. Nothing else.

*Predicate*: a question that is answered by yes (``age_over_18``). *Answer*: that a customer's yes was proven by an
attestation, or seen in person by staff. *Threshold*: the age from which a country lets something be sold.
*Till code*: a signed yes without a customer, good for two minutes and for one use.

Always true: no birth date, no credential, no issuer is in here; an answer ends on its day; a proof for a higher age
answers for every lower one and never the other way round; whichever order the events arrive in, the answers end the
same.

Files of its own: ``thresholds.toml`` (ages per country and category, with their sources), read by ``thresholds.py``;
``codes.py`` (till codes). ``rebuilding.py`` derives the answers from the log anew.
"""
