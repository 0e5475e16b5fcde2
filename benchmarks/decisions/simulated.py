"""Simulated shops: what the retention list truly gains, where both outcomes are known.

A shop is simulated and trained as any other, campaigns with held-out customers included. Then
the product's own list is drawn up for today, and beside it lists by churn probability, by value
at risk and by P(order), of the same length among the same customers. The simulator knows every
customer's P(order within an e-mail's window) with it and without, and who is still alive; so

    true gain = (P(order | e-mail) - P(order | none)) x margin of an order - cost of the e-mail

A customer's margin of an order is the mean over the whole history, drawn towards the shop's as
far as few orders say little (empirical Bayes). What is sent is the e-mail alone: offers are left
out, as the simulator knows of no more or less by a discount.

The best possible list knows all of it: own rates and effects, of which much is chance that no
record shows, and even who has silently left. Two figures lie between it and ours: what is
gained by who knows all rates, but of life and death no more than the history tells; and what the
records themselves allow (:mod:`benchmarks.decisions.informed_reader`), by one who knows how the
simulator draws its customers. The learners were tuned on shops of other seeds than this one.

Two shops: the standard one writes once a month, and which e-mail is opened is chance. The other
writes every week, half of the customers held out each time; there, as in shops, who responds more
opens more, and who has left opens less. A longer history would hardly help, as customers stay
for little more than a year: with four years of weekly e-mails the records allow a list of 0.80 of
the best possible one's gain, with two years 0.79.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
from rich.console import Console

from benchmarks.decisions.informed_reader import expected_effect
from benchmarks.simulated_truth import last_activity
from benchmarks.table import Row
from features.progress import Progress
from features.simulate import ShopPlan, campaign_outcomes, true_churn_probability, write_shop
from features.vocabulary import OFFERS
from features.vocabulary import Columns as C
from models.bundle.folder import read_bundle
from models.bundle.schema import BundleColumns as B
from models.churn_value.churn import ChurnModel
from models.churn_value.value import ValueModel
from models.next_purchase import NextPurchaseModel
from models.registry import RegisteredModel
from models.uplift.model import UpliftModel
from regulars.console import progress_bars
from regulars.settings import read_settings
from regulars.shop import Shop, open_shop
from serving.catalogue import open_catalogue
from serving.decisions.bulk.budget import Limits
from serving.decisions.bulk.retention_list import retention_list
from serving.decisions.inputs import DecisionInputs, open_decision_inputs
from serving.products.shoppers import Shoppers
from training.horizons import Horizons
from training.publishing.champions import UPLIFT, Champions
from training.publishing.publish import publish
from training.publishing.task import ScoringTask
from training.report import JobReport
from training.run import run_job, with_shared_table
from training.task import TrainingTask
from training.tracking import card

_PLANS = {
    "simulated": ShopPlan(n_customers=8_000),
    "simulated, weekly e-mails": ShopPlan(n_customers=8_000, mailing="weekly"),
}
_CONFIG = Path(__file__).parents[2] / "examples" / "simulated_shop" / "regulars.toml"
_HORIZONS = Horizons(90, "fixed", 180, "fixed")
_SHARE_CONTACTED = 0.10
_OTHER_SHARES = (0.05, 0.20, 0.30)
_E_MAIL_COST = 0.12


@dataclass(frozen=True, eq=False)
class Study:
    """One row per customer who may be written to: what was said, and what is true.

    Attributes
    ----------
    customers
        By customer id: the bundle's columns, ``true_gain``, ``gain_if_rates_known`` and
        ``gain_by_records``, money.
    drawn
        Ids on the product's list of the largest share of the customers, best first: the shorter
        lists are its beginnings.
    """

    customers: pd.DataFrame
    drawn: list[str]
    evidence: str

    @property
    def listed(self) -> list[str]:
        """Ids on the product's list."""
        return self.drawn[: self.length(_SHARE_CONTACTED)]

    def length(self, share: float) -> int:
        """Return the number of customers in a share of all."""
        return round(share * len(self.customers))

    def gained(self, ids: list[str]) -> float:
        """Return the true gain of a list."""
        return float(self.customers.loc[ids, "true_gain"].sum())

    def top(self, by: str, share: float = _SHARE_CONTACTED) -> list[str]:
        """Return the customers of a share of all with the largest values of a column."""
        return self.customers[by].nlargest(self.length(share)).index.tolist()

    def best(self, share: float = _SHARE_CONTACTED) -> float:
        """Return the true gain of the best possible list."""
        gains = self.customers["true_gain"].clip(lower=0)
        return float(gains.nlargest(self.length(share)).sum())


def rows(progress: Progress) -> list[Row]:
    """Return the lists' true gains beside the best possible ones' and other rankings'."""
    return [row for name, plan in _PLANS.items() for row in _rows(name, study(plan, progress))]


def _rows(name: str, found: Study) -> list[Row]:
    customers = found.customers
    ours = found.gained(found.listed)
    best = found.best()
    rates_known = found.gained(found.top("gain_if_rates_known"))
    by_records = found.gained(found.top("gain_by_records"))
    rivals = {
        "churn probability": found.gained(found.top(B.CHURN_PROBABILITY)),
        "value at risk": found.gained(found.top(B.VALUE_AT_RISK)),
        "response": found.gained(found.top(B.P_ORDERS)),
    }
    everyone = float(customers["true_gain"].mean()) * len(found.listed)
    said = float(customers.loc[found.listed, "said"].sum())
    size = f"{len(found.listed):,} of {len(customers):,}"
    return [
        Row(
            f"{name}: true gain of {size}, share of the best possible list's",
            ours / best,
            ">=",
            0.80,
            {
                "what the records allow": by_records / best,
                "ours of what the records allow": ours / by_records,
                "rates known, not who is alive": rates_known / best,
                "by uplift alone": found.gained(found.top(B.UPLIFT)) / best,
                "at random": everyone / best,
                **{name: gain / best for name, gain in rivals.items()},
                **_other_lengths(found),
            },
        ),
        Row(
            f"{name}: true gain, EUR, above every other ranking",
            ours,
            ">",
            max(rivals.values()),
            {**rivals, "best possible": best, "expected by ours": said},
        ),
    ]


def _other_lengths(found: Study) -> dict[str, float]:
    """Return the shares of the best lists that are shorter or longer: ours, and by the records."""
    gained: dict[str, float] = {}
    for share in _OTHER_SHARES:
        best = found.best(share)
        ours = found.gained(found.drawn[: found.length(share)])
        gained[f"{share:.0%} contacted"] = ours / best
        gained[f"{share:.0%}: records allow"] = (
            found.gained(found.top("gain_by_records", share)) / best
        )
    return gained


def study(plan: ShopPlan, progress: Progress) -> Study:
    """Simulate, train, draw up the list, and look up what is true."""
    now = datetime.combine(plan.end, time(12), UTC)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tick = progress("A shop simulated", 1)
        write_shop(plan, folder / "data")
        tick()
        settings = read_settings(_CONFIG)
        tables = {name: paths for name, paths in settings.tables.items() if name != OFFERS.name}
        settings = settings.model_copy(update={"base": folder, "tables": tables})
        with open_shop(settings, now.replace(tzinfo=None), progress) as shop:
            champions = _train(plan, shop, progress)
            task = ScoringTask(shop.engine, shop.prepared, champions, settings.shop, plan.end)
            bundle = publish(task, now.replace(tzinfo=None), folder / "bundles", progress)
            gains = _gains(plan, shop, folder / "data")
        inputs = open_decision_inputs(open_catalogue(read_bundle(bundle)))
    return _compared(inputs, gains, now, progress)


def _train(plan: ShopPlan, shop: Shop, progress: Progress) -> Champions:
    """Train all jobs and take them as champions, whatever the gate would say."""
    response_days = plan.campaigns.window_days
    training = shop.settings.training.model_copy(update={"response_days": response_days})
    task = TrainingTask(
        shop.engine, shop.prepared, shop.settings.shop, training, _HORIZONS, plan.end, progress
    )
    # Uplift first: it takes the most memory, and does without the table that the others share.
    reports: dict[str, JobReport] = {UPLIFT: run_job(UPLIFT, task)}
    task = with_shared_table(task)
    reports |= {job: run_job(job, task) for job in ("churn", "value", "recommend")}
    kept = shop.settings.base / "models"  # this shop's own: cut-points of segments are kept there
    cards = {
        job: RegisteredModel(job, "1", kept / job, card(report, shop.prepared.fingerprint))
        for job, report in reports.items()
    }
    for each in cards.values():
        each.folder.mkdir(parents=True)
    return Champions(
        churn=cast("ChurnModel", reports["churn"].model),
        value=cast("ValueModel", reports["value"].model),
        recommend=cast("NextPurchaseModel", reports["recommend"].model),
        uplift=cast("UpliftModel", reports[UPLIFT].model),
        cards=cards,
    )


def _gains(plan: ShopPlan, shop: Shop, data: Path) -> pd.DataFrame:
    """Return each customer's true gain, and those that one expects who knows less."""
    truth = pd.read_parquet(data / "truth" / "customers")
    both = campaign_outcomes(plan, truth, plan.day_of(plan.end))
    alive = truth.set_index(C.CUSTOMER_ID)["died_day"].isna().astype(float)
    renewals = pd.read_parquet(data / "truth" / "renewals")
    silent_chance = true_churn_probability(
        plan, truth, last_activity(shop, plan.end), plan.end, plan.campaigns.window_days, renewals
    )
    held_out = both["probability_held_out"].reindex(silent_chance.index)
    p_alive = ((1 - silent_chance) / held_out).clip(0, 1)
    effect = both["probability_treated"] - both["probability_held_out"]
    effects = {
        "true_gain": alive * effect,
        "gain_if_rates_known": p_alive * effect,
        "gain_by_records": expected_effect(plan, data, p_alive.index.tolist()),
    }
    margin = _order_margin(shop)
    gains = {name: each * margin - _E_MAIL_COST for name, each in effects.items()}
    return pd.DataFrame(gains).dropna()


def _order_margin(shop: Shop) -> pd.Series[float]:
    """Return each customer's mean margin of an order, drawn towards the shop's by its doubt."""
    moves = shop.prepared.rollups["order_moves"]
    orders = moves.group_by(C.CUSTOMER_ID, C.ORDER_ID).aggregate(margin=moves.margin.sum())
    margins = shop.engine.frame(orders).groupby(C.CUSTOMER_ID)["margin"]
    said = margins.agg(["count", "mean", "var"])
    count, mean = said["count"], said["mean"]
    within = float((said["var"] * (count - 1)).sum() / (count - 1).sum())
    overall = float((mean * count).sum() / count.sum())
    often = count > 3
    between = max(float(mean[often].var() - within * (1 / count[often]).mean()), 0.0)
    return overall + between / (between + within / count) * (mean - overall)


def _compared(
    inputs: DecisionInputs, gains: pd.DataFrame, now: datetime, progress: Progress
) -> Study:
    table = inputs.catalogue.bundle.customers.to_pandas().set_index(C.CUSTOMER_ID)
    known = table[table["email_consent"].fillna(value=False) & table[B.CHURN_PROBABILITY].notna()]
    known = known.join(gains, how="inner")
    contacts = round(max(_SHARE_CONTACTED, *_OTHER_SHARES) * len(known))
    positions = np.flatnonzero(table.index.isin(known.index))
    drawn = retention_list(
        inputs, positions, Limits(contacts=contacts), now, Shoppers(), {}, progress
    )
    said = drawn.rows.set_index(C.CUSTOMER_ID)["expected_gain"]
    return Study(known.assign(said=said), said.index.tolist(), inputs.plan.evidence)


def main() -> None:
    """Print how far what is said of the listed is from what is true."""
    console = Console(width=150, highlight=False)
    for name, plan in _PLANS.items():
        with progress_bars(console) as progress:
            found = study(plan, progress)
        console.print(f"{name}. Evidence: {found.evidence}. Means by tenth, EUR:")
        console.print(_by_tenth(found).to_string())


def _by_tenth(found: Study) -> pd.DataFrame:
    """Return what is said and what is true of the listed, by tenth of the expected gain."""
    listed = found.customers.loc[found.listed]
    tenths = pd.qcut(listed["said"].rank(method="first"), 10, labels=False)
    columns = ["said", "true_gain", B.UPLIFT, B.VALUE_IF_ORDERS]
    return listed.groupby(tenths)[columns].mean().round(3)


if __name__ == "__main__":
    main()
