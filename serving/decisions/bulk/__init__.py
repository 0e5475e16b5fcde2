"""Decisions for many customers at once: files of decisions and the retention list.

Customers are priced by the bundle's scores. A single decision on the server also uses scores made
since the bundle (:mod:`serving.customers.rescored`), so the two may differ for a customer who was
rescored meanwhile.
"""
