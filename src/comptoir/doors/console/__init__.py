"""What the staff see: the live map, the ledger, the keys of the touchpoints. Customers are opaque numbers here.

The office reads. What it changes goes the way of every channel: the console is a touchpoint of the map (the one with
the channel ``staff`` that sends ``points.adjust``) and posts events to the gateway with a key of its own; only keys
of touchpoints are the office's own business.

Files of its own: ``acting.py`` (what the views share), ``answering.py`` (the shop's answers), ``campaigning.py``
(campaigns), ``drafting.py`` (the form in which one is written), ``sending.py`` (how far one is) and ``reporting.py``
(what they changed),
``charter.py`` (the charter, and the shop's no to an amendment), ``locality.py`` (the shop's currency and time zone),
``giftcards.py`` (gift cards),
``inviting.py`` (the first fifty are invited), ``moderating.py`` (the moderation queue), ``ordering.py`` (orders),
``overview.py`` and ``charts.py`` (what the live map shows), ``counting.py`` (numbers of people, exact or rough),
``leasing.py`` (points that tills were lent), ``recommending.py`` (recommendations, and whether they pay),
``declared.py`` (the shop's map, read again when it changes), ``gateway.py`` (the console as a touchpoint),
``participation.py`` (the page on how the square does), ``picturing.py`` (pictures of products),
``posting.py`` (posts on other networks), ``promoting.py``
(promotions) and ``offering.py`` (the form in which one is written), ``refusals.py`` (what a refusal says),
``returning.py`` (the returns desk) and ``crediting.py`` (what goes back onto gift cards there),
``segmenting.py`` (segments), ``crowds.py`` (charts of all customers, which lead there) and ``conditions.py`` (their
conditions in words), ``startup.py`` (what it needs today), ``stocking.py`` (what is on the shelves), ``taking.py`` (a
list for a spreadsheet), ``travelling.py`` (journeys), ``trying.py`` (experiments on that), ``wording.py`` (templates
of messages).
"""
