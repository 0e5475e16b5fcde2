"""State on disk: JSON and arrays, never code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.state import load_state, save_state

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), PLAIN, max_size=4), arrays(np.float64, st.integers(0, 8)))
def test_what_is_saved_is_what_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, parameters: dict[str, object], values: np.ndarray
) -> None:
    folder = tmp_path_factory.mktemp("state")
    save_state(folder, parameters, {"values": values})
    loaded, stored = load_state(folder)
    assert loaded == parameters
    assert stored["values"].tobytes() == values.tobytes()


def test_arrays_may_be_left_out(tmp_path: Path) -> None:
    save_state(tmp_path / "a" / "new" / "folder", {"seed": 3})
    assert load_state(tmp_path / "a" / "new" / "folder") == ({"seed": 3}, {})


def test_objects_are_refused_in_both_directions(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Object arrays"):
        save_state(tmp_path / "out", {}, {"sneaky": np.array([{}], dtype=object)})
    save_state(tmp_path / "in", {})
    np.savez(tmp_path / "in" / "arrays.npz", sneaky=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="Object arrays"):
        load_state(tmp_path / "in")


def test_the_same_state_is_the_same_text(tmp_path: Path) -> None:
    save_state(tmp_path / "one", {"b": 1, "a": 2})
    save_state(tmp_path / "two", {"a": 2, "b": 1})
    texts = [(tmp_path / name / "parameters.json").read_text() for name in ("one", "two")]
    assert texts[0] == texts[1]
