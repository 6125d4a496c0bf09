"""When a text says that its clauses' sounds begin and stop, and when nothing is heard.

Seconds that are told count; what isn't told is as if all clauses were equally long.

Knows nothing of events.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from diegetic.model.clauses import Part, parts_and_silence
from diegetic.model.prose import prose
from diegetic.model.spread import told_first
from diegetic.story import MAX_PLANNED_EVENTS

MOST_CLAUSES = MAX_PLANNED_EVENTS - 2
"""How many clauses a plan has room for beside a bed."""
A_SOUND_S = 10.0
"""How long a sound has, at least, of which a text only says when it begins."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """The clauses of a text, in their order, and until when any of them is to be heard.

    ends_silent: whether the text goes on behind that.
    """

    clauses: Sequence[Part]
    seconds: float
    ends_silent: bool = False

    @classmethod
    def of(cls, clauses: Sequence[Part], seconds: float, silence_s: float) -> "Timetable":
        """Of a text of `seconds` that ends with so many of silence, or with the second at which all has stopped."""
        clauses = [_in_seconds(each, seconds) for each in clauses]
        last = [each for each in clauses if each.stop is not None and each.stop.place == len(clauses)]
        told = [each.stop.when for each in last if each.stop is not None]
        if silence_s and not any(when.at_s is not None for when in told):
            clauses = [replace(each, stop=None) if each in last else each for each in clauses]
            return cls(clauses, max(seconds - silence_s, seconds / 2), ends_silent=True)
        whole = cls(clauses, seconds)
        stops_s = [whole.stops_s(each) for each in clauses]
        if clauses and all(each is not None for each in stops_s) and all(when.at_s is not None for when in told):
            until_s = min(seconds, max(filter(None, stops_s), default=seconds))
            return cls(clauses, until_s, ends_silent=until_s < seconds)
        return whole

    def begins_s(self, part: Part, last_s: float) -> float | None:
        """When a clause says that it begins, behind one that began at `last_s`, or when what stops before it stops."""
        if part.when.at_s is not None:
            return part.when.begins_s(last_s)
        stopping = [each for each in self.clauses if each.stop is not None and each.stop.place == part.place]
        stops_s = max(filter(None, map(self.stops_s, stopping)), default=None)
        return None if stops_s is None else stops_s + part.silent_s

    def stops_s(self, part: Part | None) -> float | None:
        """When the text says that a clause's sound stops; None where it doesn't, or nothing is told beside it.

        Where it doesn't say at which second, it is where the clause begins that is told next.
        """
        if part is None or part.stop is None:
            return None
        stop = part.stop
        if stop.when.at_s is not None:
            before = stop.when.since == "last"
            return stop.when.at_s + before * self._about_s(stop.place - 1)
        if stop.place < len(self.clauses):
            return self._silent_from_s(stop.place)
        return None if part.place == stop.place - 1 else self.seconds * stop.place / (stop.place + 1)

    def next_silence_s(self, start_s: float) -> float | None:
        """When the first silence behind a second begins, for what the text doesn't name; None where there is none."""
        silent = (self._silent_from_s(each.place) for each in self.clauses if each.silent_s and each.place)
        return next((each for each in silent if each > start_s), None)

    def is_after_silence(self, part: Part) -> bool:
        """Whether nothing is heard right before a clause: so it is told, or all before it has stopped by then."""
        before = [each for each in self.clauses if each.place < part.place]
        over = all(each.stop is not None and each.stop.place <= part.place for each in before)
        return part.silent_s > 0 or (part.when.at_s is not None and bool(before) and over)

    def _silent_from_s(self, place: int) -> float:
        """About when what is to be over before a clause stops: where that begins, less the silence before it."""
        about_s = self._about_s(place)
        return max(about_s - self.clauses[place].silent_s, about_s / 2)

    def _about_s(self, place: int) -> float:
        """About when a clause begins: when it says, else as if all were equally long."""
        second_s = self.clauses[place].when.second_s
        return self.seconds * place / len(self.clauses) if second_s is None else second_s


def _in_seconds(part: Part, seconds: float) -> Part:
    """A clause with its times in seconds, where they are told as shares of a story."""
    stop = part.stop and replace(part.stop, when=part.stop.when.of(seconds))
    return replace(part, when=part.when.of(seconds), stop=stop)


def told_s(text: str, usual_s: float = 0.0) -> float:
    """How long a story is whose text says when, or how long, all of it is heard; else `usual_s`, or more for that."""
    told, silence_s = parts_and_silence(prose(text))
    end_s, ends_s = 0.0, [0.0]
    for part in told:
        when = part.when
        start_s = end_s + part.silent_s if part.after or part.silent_s else 0.0
        is_said = when.second_s is not None or when.lasts_s is not None or start_s > 0
        start_s = start_s if when.second_s is None else when.second_s
        end_s = start_s + (when.lasts_s or A_SOUND_S * is_said)
        ends_s.append(end_s)
        if part.stop is not None and part.stop.when.second_s is not None:
            ends_s.append(part.stop.when.second_s)
    is_all_said = told and all(each.when.second_s is not None or each.when.lasts_s for each in told)
    return max(*ends_s, end_s + silence_s * bool(end_s), 0.0 if is_all_said else usual_s)


def left_out(text: str) -> list[str]:
    """The clauses of a told text that no plan has room for, in the text's own words."""
    clauses = parts_and_silence(prose(text))[0]
    heard = told_first(clauses, len(clauses))
    kept = {part.place for part in told_first(clauses, MOST_CLAUSES)}
    return [part.text for part in heard if part.place not in kept]
