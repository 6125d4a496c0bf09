"""Screenplays and radio scripts, read as what is heard of them."""

import pytest

from diegetic.model.clauses import parts
from diegetic.model.prose import prose
from diegetic.model.screenplay import heard_of_script

SCRIPTS = {
    "INT. KITCHEN - DAY\nRain on the window. A kettle boils.": ["Rain on the window", "A kettle boils"],
    "EXT. STATION – NIGHT\n\nA train pulls in.\n\nCUT TO:\n\n2 INT. TAXI - CONTINUOUS\n\nThe engine idles.": [
        "A train pulls in",
        "The engine idles",
    ],
    "FADE IN: EXT. HARBOUR - DAWN. Gulls cry. A bell clangs. FADE OUT.": ["harbour", "Gulls cry", "A bell clangs"],
    "INT/EXT CAR (MOVING) - DAY\nThe engine idles.": ["The engine idles"],
    "int. office\nA phone rings.\n\nMARK (V.O.)\n(tired)\nI'll call you back.\n\nHe hangs up.": [
        "A phone rings",
        "He hangs up",
    ],
    "NARRATOR: It was a dark night.\nSFX: Thunder.\nJOHN: Who's there?\nSFX: A gunshot.": ["Thunder", "A gunshot"],
    'Host: "Welcome!" (Applause.) Guest: Thanks! (Laughter.)': ["Applause", "Laughter"],
    "SFX: Rain. WEATHER: Thunder. MUSIC: piano": ["Rain", "Thunder", "piano"],
    "EXT. FOREST - NIGHT": ["forest"],
}


@pytest.mark.parametrize("text", SCRIPTS)
def test_what_is_heard_of_a_script_is_told(text: str) -> None:
    assert [part.text for part in parts(prose(text))] == SCRIPTS[text]


@pytest.mark.parametrize(
    "text",
    [
        "RAIN\nTHUNDER\nA DOG BARKS",
        "WIND: soft. RAIN: loud! YOU: nothing",
        "A dog is cut in. Fade out the rain. The interior: hot.",
        "The host: a man. A narrator speaks",
    ],
)
def test_a_text_that_is_no_script_stays_as_it_is(text: str) -> None:
    assert heard_of_script(text) == text
