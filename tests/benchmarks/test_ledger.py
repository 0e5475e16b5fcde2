"""An interrupted benchmark goes on where it stopped, on the same terms."""

from __future__ import annotations

from pathlib import Path

from benchmarks.feature_engine.ledger import Ledger, Measurement

RUN = Measurement(1.5, 2.5, 0.3, 0.0)
STOPPED = Measurement(2.0, 3.0, 21.0, 0.1, "the machine's memory was used up")


def test_what_was_measured_is_there_next_time(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "folder" / "measured.json", "2 cores", fresh=False)
    assert ledger.compared is None
    assert ledger.runs("ours") == []
    ledger.add("ours", RUN)
    ledger.add("ours", RUN)
    ledger.add("pandas", STOPPED)
    ledger.compared = 12
    again = Ledger.open(ledger.path, "2 cores", fresh=False)
    assert again.compared == 12
    assert again.runs("ours") == [RUN, RUN]
    assert again.runs("pandas") == [STOPPED]


def test_of_another_machine_or_asked_to_be_fresh_nothing_counts(tmp_path: Path) -> None:
    path = tmp_path / "measured.json"
    Ledger.open(path, "2 cores", fresh=False).add("ours", RUN)
    assert Ledger.open(path, "4 cores", fresh=False).runs("ours") == []
    assert Ledger.open(path, "2 cores", fresh=True).runs("ours") == []


def test_forgotten_measurements_are_made_anew_and_others_stay(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "measured.json", "2 cores", fresh=False)
    ledger.add("rebuild", RUN)
    ledger.add("full", RUN)
    ledger.forget(["rebuild", "never measured"])
    again = Ledger.open(ledger.path, "2 cores", fresh=False)
    assert (again.runs("rebuild"), again.runs("full")) == ([], [RUN])
