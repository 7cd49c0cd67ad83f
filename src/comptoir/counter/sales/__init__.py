"""Sales and returns from every channel.

*Sale*: what somebody bought, with its lines, under the receipt number of the till or shop that made it. *Return*:
goods of one sale that came back. A return that arrives before its sale waits for it. ``rebuilding`` derives the tables
from the log anew; ``forgetting`` severs them from somebody who is forgotten.

Always true: a receipt number is booked once for each source; nothing comes back that was not sold; whichever order
sales and returns arrive in, the tables end the same.

Files of its own: ``policy.py`` (for how long goods usually come back), ``stocking.py`` (what leaves the shelves with
sales and comes back to them).
"""
