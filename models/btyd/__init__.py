"""Buy-till-you-die (BTYD) models: future purchases from the frequency and recency of past ones.

Each model is a frozen dataclass of parameters with pure functions of a ``Summary`` of purchase
histories; its ``fit`` returns it with diagnostics. In continuous time: ``BgNbd`` (also modified)
and ``ParetoNbd``; at discrete opportunities: ``BgBb``; for contracts: ``ShiftedBetaGeometric``;
for spend: ``GammaGamma``. ``outlook`` applies them to customer vectors.
"""
