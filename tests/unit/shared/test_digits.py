"""Whole numbers in what others write."""

import pytest

from shared.digits import whole


@pytest.mark.parametrize("text", ["", "²", "٣", "1_0", " 1", "+1", "-1", "1.0", "9" * 5000, "11"])
def test_what_is_no_whole_number_up_to_the_most_is_none(text: str) -> None:
    assert whole(text, 10) is None


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("10", 10), ("07", 7)])
def test_a_whole_number(text: str, number: int) -> None:
    assert whole(text, 10) == number
