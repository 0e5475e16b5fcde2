"""Parts worked on at once: the same answers in the same order, and errors that come through."""

from __future__ import annotations

import threading
from time import sleep

import pytest

from models.parallel import parallel_map


def test_results_come_in_the_order_of_the_parts() -> None:
    def work(part: int) -> int:
        sleep(0.002 * part)  # later parts would be done first
        return part * part

    assert parallel_map(work, [4, 3, 2, 1, 0]) == [16, 9, 4, 1, 0]


def test_one_part_and_none_need_no_threads() -> None:
    here = threading.get_ident()
    assert parallel_map(lambda _: threading.get_ident(), ["alone"]) == [here]
    assert parallel_map(lambda _: threading.get_ident(), []) == []


def test_what_goes_wrong_in_one_part_is_reported() -> None:
    def work(part: int) -> int:
        if part == 7:
            raise ValueError("seven")
        return part

    with pytest.raises(ValueError, match="seven"):
        parallel_map(work, range(20))
