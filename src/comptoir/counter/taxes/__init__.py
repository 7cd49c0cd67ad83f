"""What tax is on goods, as data: rates by country, and one rounding for each rate of a basket or an invoice.

*Tax rate*: so many thousandths of a percent on one class of goods (``standard``, ``reduced``, ``zero``). *Tax place*:
whose rates hold, a country or a state of one. Countries that are known stand in ``rates.toml``, each with the law that
it was taken from; the shop's own file (``taxes.toml``, or ``COMPTOIR_TAXES``) says where it sells, and gives the rates
of states, which nobody else knows.

Always true: the tax of a rate is rounded once, over everything under that rate; the parts of single lines add up to it;
net and tax add up to what is paid. Nothing here is about anybody.

Files of its own: ``reading.py`` (the two files), ``registrations.py`` (numbers under which a shop is registered).
"""
