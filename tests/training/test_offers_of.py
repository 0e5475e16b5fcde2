"""Offers and consent on their way into the bundle, from the shop's tables and the declarations."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd

from models.bundle.schema import OFFERS, conform
from models.offers.declarations import NO_OFFERS, Declaration, Declarations
from training.publishing.offers import email_consent, offers_of
from training.task import TrainingTask


def test_the_table_s_offers_are_there_without_any_declaration(task: TrainingTask) -> None:
    table = offers_of(task.engine, task.prepared, NO_OFFERS)
    assert conform("offers", table, OFFERS).equals(table.combine_chunks())
    theirs = task.engine.frame(task.prepared.clean["offers"]).sort_values("offer_id")
    assert table.column("offer_id").to_pylist() == theirs["offer_id"].tolist()
    assert table.column("starts_on").to_pylist() == theirs["starts_at"].dt.date.tolist()
    assert table.column("declaration").null_count == len(theirs) > 0


def test_a_declaration_replaces_the_table_s_offer(task: TrainingTask) -> None:
    declared = Declarations(
        offers=(
            Declaration(offer_id="A", name="A new one", starts_on=date(2026, 1, 1)),
            Declaration(offer_id="OFFER00", name="Better", discount_rate=0.4, budget=9),
        )
    )
    rows = offers_of(task.engine, task.prepared, declared).to_pylist()
    assert [row["offer_id"] for row in rows[:3]] == ["A", "OFFER00", "OFFER01"]
    assert rows[0]["starts_on"] == date(2026, 1, 1)
    assert rows[1]["discount_rate"] == 0.4
    read_back = [Declaration.model_validate_json(row["declaration"]) for row in rows[:2]]
    assert read_back == list(declared.offers)
    assert rows[2]["declaration"] is None


def test_a_shop_without_the_table_has_the_declared_ones(task: TrainingTask) -> None:
    clean = {name: table for name, table in task.prepared.clean.items() if name != "offers"}
    bare = replace(task.prepared, clean=clean)
    assert offers_of(task.engine, bare, NO_OFFERS).num_rows == 0
    declared = Declarations(offers=(Declaration(offer_id="A", name="A"),))
    assert offers_of(task.engine, bare, declared).num_rows == 1


def test_consent_is_the_customers_latest(task: TrainingTask) -> None:
    theirs = task.engine.frame(task.prepared.clean["customers"])
    ids = [*theirs["customer_id"].sort_values()[:50], "nobody"]
    consent = email_consent(task.engine, task.prepared, np.array(ids, dtype=str))
    known = theirs.set_index("customer_id")["email_consent"]
    assert consent[:-1].tolist() == [bool(known[id_]) for id_ in ids[:-1]]
    assert pd.isna(consent[-1])
    clean = {name: table for name, table in task.prepared.clean.items() if name != "customers"}
    unsaid = email_consent(task.engine, replace(task.prepared, clean=clean), np.array(ids))
    assert pd.isna(unsaid).all()
