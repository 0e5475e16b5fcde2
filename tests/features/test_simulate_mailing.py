"""A shop that writes every week: lots each time, and opens that tell who heeds and who left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.simulate import ShopPlan, SimulatedChunk, read_plan, simulate, write_shop
from features.vocabulary import Columns as C

PLAN = ShopPlan(n_customers=6_000, mailing="weekly")


@pytest.fixture(scope="module")
def shop() -> SimulatedChunk:
    return next(simulate(PLAN, PLAN.n_customers))


@pytest.fixture(scope="module")
def sent(shop: SimulatedChunk) -> pd.DataFrame:
    """E-mails sent that led to no order, with what is true of the customers."""
    contacts = shop.tables["contacts"]
    contacts = contacts[contacts[C.TREATED] & contacts[C.ACCEPTED_AT].isna()]
    joined = contacts.merge(shop.truth["customers"], on=C.CUSTOMER_ID)
    sent_day = (joined[C.TS] - pd.Timestamp(PLAN.start)).dt.days
    left = joined["died_day"] < sent_day
    return joined.assign(opened=joined[C.OPENED_AT].notna(), left=left)


def test_an_e_mail_goes_out_every_week_to_half_of_those_who_agreed(shop: SimulatedChunk) -> None:
    contacts = shop.tables["contacts"]
    day = contacts.groupby(C.CAMPAIGN_ID)[C.TS].min().dt.normalize().sort_values()
    assert (day.diff().dropna() == pd.Timedelta(days=7)).all()
    treated = contacts[C.TREATED]
    assert abs(treated.sum() - len(treated) / 2) < 4 * np.sqrt(len(treated) / 4)
    accepted = contacts.dropna(subset=C.ACCEPTED_AT)
    assert (accepted[C.ACCEPTED_AT] - accepted[C.TS] < pd.Timedelta(days=7)).all()


def test_orders_within_a_week_come_as_often_as_the_truth_says(shop: SimulatedChunk) -> None:
    contacts, truth = shop.tables["contacts"], shop.truth["campaign_effects"]
    orders = shop.tables["orders"]
    bought = orders[orders[C.QUANTITY] > 0].drop_duplicates(C.ORDER_ID)
    asked = contacts.assign(row=np.arange(len(contacts)))
    asked = asked[asked[C.TS] + pd.Timedelta(days=7) <= pd.Timestamp(PLAN.end)]
    next_order = pd.merge_asof(
        asked.sort_values(C.TS),
        bought[[C.CUSTOMER_ID, C.TS]].assign(ordered=bought[C.TS]).sort_values(C.TS),
        on=C.TS, by=C.CUSTOMER_ID, direction="forward",
    )  # fmt: skip
    midnight = next_order[C.TS].dt.normalize()
    ordered = next_order["ordered"] < midnight + pd.Timedelta(days=7)
    for arm, name in ((True, "probability_treated"), (False, "probability_held_out")):
        rows = next_order[C.TREATED] == arm
        said = truth[name].to_numpy()[next_order.loc[rows, "row"]]
        spread = np.sqrt((said * (1 - said)).sum())
        assert abs(ordered[rows].sum() - said.sum()) < 4 * spread + 0.01 * said.sum(), name


def test_who_responds_more_opens_more_and_who_left_opens_less(sent: pd.DataFrame) -> None:
    there = sent[~sent["left"]]
    rate = there.groupby(C.CUSTOMER_ID)["opened"].agg(["mean", "size"])
    often = rate[rate["size"] >= 20]
    effect = there.groupby(C.CUSTOMER_ID)["campaign_effect"].first().reindex(often.index)
    assert 0.3 < np.corrcoef(often["mean"], effect)[0, 1] < 0.8
    assert sent.loc[sent["left"], "opened"].mean() < 0.5 * there["opened"].mean()


def test_by_default_e_mails_are_opened_by_chance_alone() -> None:
    monthly = next(simulate(ShopPlan(n_customers=6_000), 6_000))
    contacts = monthly.tables["contacts"]
    sent = contacts[contacts[C.TREATED] & contacts[C.ACCEPTED_AT].isna()]
    sent = sent.merge(monthly.truth["customers"], on=C.CUSTOMER_ID)
    opened = sent[C.OPENED_AT].notna()
    noise = 4 / np.sqrt(len(sent))
    assert abs(np.corrcoef(opened, sent["campaign_effect"])[0, 1]) < noise
    # An e-mail of the last hours has had no time to be opened: not a matter of having left.
    left = sent["died_day"].notna()
    assert abs(opened[left].mean() - opened[~left].mean()) < 0.01 + noise


def test_customers_are_the_same_however_the_shop_writes(shop: SimulatedChunk) -> None:
    monthly = next(simulate(ShopPlan(n_customers=6_000), 6_000))
    pd.testing.assert_frame_equal(monthly.truth["customers"], shop.truth["customers"])


def test_the_mailing_is_kept_with_the_shop(tmp_path: Path) -> None:
    plan = ShopPlan(n_customers=20, days=90, mailing="weekly")
    write_shop(plan, tmp_path / "shop")
    assert read_plan(tmp_path / "shop") == plan
