"""Numbers of things, as they are said."""

import pytest

from diegetic.counted import counted


@pytest.mark.parametrize(("number", "said"), [(0, "0 events"), (1, "1 event"), (2, "2 events")])
def test_one_is_singular_and_none_is_plural(number: int, said: str) -> None:
    assert counted(number, "event") == said
