"""The added tokens have the reference's ids."""

from diegetic.model.special_tokens import AUDIOSTORY, special_tokens

FIRST_ID = 151_665  # len(tokenizer) of Qwen2.5; paper.md 1.3


def ids() -> dict[str, int]:
    return {token: FIRST_ID + place for place, token in enumerate(AUDIOSTORY)}


def test_there_are_612_tokens_and_they_end_where_the_vocabulary_does() -> None:
    assert len(AUDIOSTORY) == len(set(AUDIOSTORY)) == 612
    assert FIRST_ID + len(AUDIOSTORY) == 152_277


def test_markers_have_the_ids_of_the_reference() -> None:
    expected = {
        "</t5>": 151_665,
        "<video_padding>": 151_666,
        "<timestamp>": 151_667,
        "</timestamp>": 151_668,
        "<t5>": 151_669,
        "<aud>": 151_770,
        "</aud>": 151_771,
        "<|gen|>": 152_273,
        "<|/gen|>": 152_274,
        "<|think|>": 152_275,
        "<|/think|>": 152_276,
    }
    assert {token: ids()[token] for token in expected} == expected


def test_every_query_token_has_the_id_of_the_reference() -> None:
    for place in range(100):
        assert ids()[f"<t5_{place:05d}>"] == 151_670 + place
    for place in range(501):
        assert ids()[f"<aud_{place:05d}>"] == 151_772 + place


def test_a_smaller_model_has_the_same_markers_in_the_same_order() -> None:
    few = special_tokens(semantic=2, residual=1)
    assert [token for token in AUDIOSTORY if token in few] == few
    assert len(few) == 11 + 3
