"""The server: bundle, decisions, events and HTTP.

Where to begin: ``run`` starts processes, ``app`` puts the application together, ``server`` holds
what changes while it runs, ``view`` what one request reads. The answers are made in ``products``,
``customers`` and ``decisions``; ``http`` is above them, ``storage`` and ``lookups`` below.
"""
