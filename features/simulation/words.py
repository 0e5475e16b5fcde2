"""The words of the simulated catalogue: its categories and what their goods are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Category:
    """One category: its share of the demand, its prices, and its nouns.

    ``repeat_nouns`` name goods that are used up and bought again, ``one_off_nouns`` goods that
    a customer buys once. ``margin`` is the share of the price left after the cost of goods.
    """

    name: str
    demand: float
    median_price: float
    margin: float
    return_rate: float
    one_off_share: float
    repeat_nouns: tuple[str, ...]
    one_off_nouns: tuple[str, ...] = ()


REPEAT_ADJECTIVES: Final = (
    "Organic",
    "Classic",
    "Golden",
    "Mild",
    "Fresh",
    "Alpine",
    "Harvest",
    "Daily",
)
ONE_OFF_ADJECTIVES: Final = (
    "Compact",
    "Nordic",
    "Oak",
    "Foldable",
    "Steel",
    "Studio",
    "Deluxe",
    "Vintage",
)

CATEGORIES: Final = (
    Category(
        "Pantry",
        0.16,
        3.9,
        0.22,
        0.01,
        0.0,
        ("Pasta", "Olive Oil", "Honey", "Rice", "Granola", "Tomatoes"),
    ),
    Category(
        "Coffee & Tea",
        0.11,
        7.5,
        0.38,
        0.01,
        0.2,
        ("Espresso Beans", "Filter Coffee", "Green Tea", "Herbal Tea", "Cocoa"),
        ("Coffee Press", "Teapot"),
    ),
    Category(
        "Cleaning",
        0.10,
        5.2,
        0.33,
        0.01,
        0.1,
        ("Dish Soap", "Laundry Liquid", "Sponges", "Glass Cleaner", "Soda"),
        ("Mop", "Duster"),
    ),
    Category(
        "Beauty",
        0.13,
        13.0,
        0.58,
        0.04,
        0.1,
        ("Face Cream", "Shampoo", "Hand Balm", "Body Oil", "Serum"),
        ("Hair Brush", "Mirror"),
    ),
    Category(
        "Health",
        0.08,
        11.0,
        0.48,
        0.02,
        0.1,
        ("Vitamins", "Magnesium", "Bath Salts", "Plasters", "Lozenges"),
        ("Heat Pad", "Thermometer"),
    ),
    Category(
        "Pets",
        0.09,
        14.0,
        0.27,
        0.02,
        0.2,
        ("Cat Food", "Dog Food", "Treats", "Litter", "Chews"),
        ("Pet Bed", "Dog Lead"),
    ),
    Category(
        "Baby",
        0.06,
        12.0,
        0.24,
        0.03,
        0.3,
        ("Nappies", "Wipes", "Porridge", "Baby Lotion"),
        ("Bottle Warmer", "Sleeping Bag"),
    ),
    Category(
        "Kitchen",
        0.07,
        27.0,
        0.45,
        0.06,
        0.8,
        ("Baking Paper", "Freezer Bags"),
        ("Frying Pan", "Knife Set", "Casserole", "Mixing Bowl", "Kettle"),
    ),
    Category(
        "Bed & Bath",
        0.06,
        32.0,
        0.52,
        0.10,
        0.8,
        ("Soap Bars", "Scented Candles"),
        ("Towel Set", "Duvet Cover", "Bath Mat", "Pillow", "Blanket"),
    ),
    Category(
        "Garden",
        0.05,
        18.0,
        0.40,
        0.04,
        0.5,
        ("Potting Soil", "Seeds", "Fertiliser"),
        ("Secateurs", "Watering Can", "Planter", "Rake"),
    ),
    Category(
        "Electronics",
        0.05,
        45.0,
        0.17,
        0.09,
        0.8,
        ("Batteries", "Printer Ink"),
        ("Headphones", "Desk Lamp", "Radio", "Charger", "Speaker"),
    ),
    Category(
        "Toys",
        0.04,
        21.0,
        0.42,
        0.05,
        0.8,
        ("Crayons", "Modelling Clay"),
        ("Puzzle", "Train Set", "Board Game", "Building Blocks", "Kite"),
    ),
)
