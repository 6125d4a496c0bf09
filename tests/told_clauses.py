"""A told text, its clauses, and events of a plan of it, as tests of clauses say them."""

from diegetic.model.clauses import parts
from diegetic.model.grammar import PlanStyle, Timed, frontier
from diegetic.story import FOREGROUND

TEXT = "Balcony at night: rain on the water, a bell rings twice and a gull cries. No music!"
AT = frontier(30.0, PlanStyle())


def said(text: str) -> list[str]:
    return [part.text for part in parts(text)]


def event(caption: str, lane: str = FOREGROUND, start_s: float = 0.0, end_s: float = 5.0) -> Timed:
    return Timed(caption, lane, start_s, end_s)
