"""Buy-till-you-die models: what customers will do, from how often and how lately they did.

Each model is a frozen set of parameters with pure functions of a summary, and ``fit`` returns
it with diagnostics: ``BgNbd`` (also the modified one), ``ParetoNbd``, ``BgBb``, ``GammaGamma``
and ``ShiftedBetaGeometric``. ``outlook`` puts them together for customer vectors.
"""
