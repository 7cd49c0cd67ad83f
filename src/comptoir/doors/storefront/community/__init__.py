"""The square's pages: what everybody reads, and what members write under their public names.

``views.py`` reads, ``writing.py`` sends what somebody wrote through the gateway, ``reporting.py`` takes reports and
objections and shows what was decided, ``speaking.py`` gives each page its language, ``drawing.py`` and ``keeping.py``
spare what was drawn already, ``embedding.py`` has cards for other people's pages, ``reminding.py`` knows the
visible rule of an experiment. Nothing here knows a customer: a visit of the square is a public name's, and came with a
ticket of the counter.
"""
