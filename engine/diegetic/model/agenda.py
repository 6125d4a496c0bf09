"""What of a told text a plan still owes: which clauses no caption has named yet, and how much room they need.

A small LLM loses the thread: it tells a sound twice and leaves out the next. The agenda holds each drafted event
against the text, and says which clause should be told instead. All it knows is words (diegetic.model.clauses): a clause
is told by a caption that shares enough of them.

Knows nothing of tokens or weights.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from diegetic.model.clauses import Part, denied, parts_and_silence
from diegetic.model.grammar import Frontier, Timed
from diegetic.model.lasting import is_heard
from diegetic.model.often import Due, apart_s, at_a_time_s, nearest, next_s, rarer
from diegetic.model.once import happens, is_over_at_once
from diegetic.model.sounding import is_ambient
from diegetic.model.spread import A_SENTENCE, LONG_S, share_s, told_first
from diegetic.model.stems import count_of, share_word, stems, told_share
from diegetic.model.stops import stopped
from diegetic.model.timetable import MOST_CLAUSES, Timetable
from diegetic.model.when import NOT_SAID, When
from diegetic.story import BED, FOREGROUND, MAX_PLANNED_EVENTS, MIN_EVENT_S

_HAPPENS_S = 8.0
"""How long what happens and is over is given while a bed goes on under it: it is followed by nothing of its own."""


@dataclass(slots=True)
class Agenda:
    """The clauses of a text that are still to be told, in their order.

    times: when the text says that they are heard; named, denied: stems of what it names, and of what isn't heard.
    """

    owed: list[Part]
    times: Timetable
    named: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()
    told: list[Timed] = field(default_factory=list)
    _done: dict[str, Part] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str, seconds: float, over: Sequence[str] | None = None) -> "Agenda":
        """Every clause of a text that may name a sound, as many as a plan has room for beside a bed.

        What is heard all along comes first: no event of a plan begins before the one that it tells before. over: of a
        text that goes on with a story, the sounds of before that it says stop.
        """
        told, silence_s = parts_and_silence(text, over)
        times = Timetable.of(told, seconds, silence_s)
        clauses = [rarer(part, seconds) for part in told_first(times.clauses, MOST_CLAUSES)]
        owed = sorted(clauses, key=lambda part: not part.all_along)
        named = frozenset[str]().union(*(part.stems for part in told))
        return cls(owed, times, named, denied(text) - named)

    @property
    def is_plain(self) -> bool:
        """Whether one clause is owed: in a story that has its place, there is nothing to be drafted then."""
        return len(self.owed) == 1

    @property
    def is_all_told(self) -> bool:
        """Whether there was something to tell, and all of it is told."""
        return not self.owed and bool(self._done)

    def part_of(self, caption: str) -> Part | None:
        """The owed clause that a caption tells: it has two words of it, or more than half; the most, or the first."""
        words = stems(caption)
        shares = [told_share(part.stems, words) for part in self.owed]
        best = max(shares, default=0.0)
        return self.owed[shares.index(best)] if best > 0 else None

    def meant(self, caption: str) -> str | None:
        """What was told that a caption tells again, as it was told; None where it tells an owed clause, or none.

        Only with the same caption it is the same sound. A bed may be told in other words; and where all is told, the
        rest too, and in a text of one sound all means that.
        """
        if self.part_of(caption) is not None:
            return None
        words = stems(caption)
        for each in self.told:
            part = self._done.get(each.caption)
            is_meant = told_share(part.stems if part is not None else stems(each.caption), words) > 0
            if is_meant and (each.lane == BED or self.is_all_told):
                return each.caption
        is_of_one = self.is_all_told and len({each.caption for each in self.told}) == 1
        return self.told[0].caption if is_of_one else None

    def instead_of(self, event: Timed | None, at: Frontier) -> Part | None:
        """The clause that should be told in place of a drafted event; None where that is as good.

        event: None where a draft found no place. As good are: what tells the next clause; a bed that tells a later one,
        since beds come first, unless it is told to come then; a bed that the text doesn't name, nor half, once, at the
        beginning; and the next window of a bed, while there are events enough and what comes next isn't told sooner.
        """
        if not self.owed:
            return None
        if event is None:
            return self.owed[0]
        part = self.part_of(event.caption)
        if event.lane == BED:
            goes_on = any(e.caption == event.caption and abs(e.end_s - event.start_s) < 1e-6 for e in self.told)
            if goes_on and event.start_s < (self._until_s(event.caption) or math.inf):
                share = self.share_s(self.owed[0])
                latest_s = self.times.begins_s(self.owed[0], 0.0) if share is None else share[1]
                too_late = event.start_s > (latest_s or event.start_s)
                return self.owed[0] if too_late or self._events_left(at) <= 0 else None
            comes_later = part is not None and part is not self.owed[0] and self._comes_later(part)
            names_none = not (self.told or self._is_half_told(event.caption) or self.is_denied(event.caption))
            if not comes_later and (part is not None or names_none):
                return None
        elif part is self.owed[0] and not self.is_told(event.caption):
            return None
        return self.owed[0]

    def _comes_later(self, part: Part) -> bool:
        """Whether a bed isn't told before what is owed: for a time, a silence, in a long story a sentence."""
        before = [each for each in self.owed if each.place <= part.place]
        is_later = self.is_long and any(each.gap >= A_SENTENCE for each in before[1:])
        return part.after or is_later or any(each.is_timed or each.silent_s for each in before)

    @property
    def is_long(self) -> bool:
        """Whether what is told is spread over the story."""
        return self.times.seconds > LONG_S

    def is_over(self, at: Frontier, step_s: float) -> bool:
        """Whether a story of several sounds has nothing to tell any more, and nothing that goes on.

        A short one only where the text says of a bed how long it goes on.
        """
        several = len({each.caption for each in self.told}) > 1
        may_end = self.is_long or any(
            each.lane == BED and (self._until_s(each.caption) or math.inf) <= at.reached * step_s for each in self.told
        )
        return may_end and several and self.is_all_told and self.due(at, step_s, None) is None

    def _goes_on(self, part: Part | None) -> bool:
        """Whether a bed goes on to the next window: it would anywhere, or what is owed has times to be heard at."""
        return (part is not None and part.is_bed) or any(each.is_timed for each in self.owed if each is not part)

    def happens_amid(self, part: Part | None) -> bool:
        """Whether what a clause tells is no bed: it is over at once; or in a long story, of which beds have windows."""
        if part is None or part.is_place:
            return False
        is_bed = not self.told or part.is_bed or is_ambient(part.text) or is_heard(part.text)
        return is_over_at_once(part.text) or (self.is_long and not is_bed)

    def share_s(self, part: Part | None) -> tuple[float, float] | None:
        """From when to when a clause may begin of which the text doesn't say it; None where that is all the same."""
        if part is None or not self.told or part.when.every_s is not None or self.begins_s(part) is not None:
            return None
        last_s = max(0.0, self._latest_begins_s)
        following, until_s = list[Part](), self.times.seconds
        for each in self.owed:
            if each is not part and (told_s := self.times.begins_s(each, last_s)) is not None:
                until_s = told_s
                break
            following += [each] if each is not part else []
        is_setting = all(each.lane == BED for each in self.told)
        if until_s <= last_s:
            return None
        first_s, most_s = share_s(part, following, last_s, until_s, self.times.seconds, is_setting)
        most_s = most_s if until_s == self.times.seconds else min(most_s, until_s - MIN_EVENT_S)
        return 0.0 if is_setting and part.is_bed else first_s, most_s

    def rejects(self, caption: str) -> bool:
        """Whether a caption can't stand, whatever its lane and time: no owed clause has it, and no bed goes on."""
        goes_on = any(each.caption == caption and each.lane == BED for each in self.told)
        return bool(self.owed and self.told) and not goes_on and self.part_of(caption) is None

    def begins_s(self, part: Part | None) -> float | None:
        """When the text says that a clause's sound begins; None where it doesn't."""
        if part is None:
            return None
        if part.silent_s and part.when.at_s is None:
            return max((each.end_s for each in self.told), default=0.0) + part.silent_s
        told_s = self.times.begins_s(part, max(0.0, self._latest_begins_s))
        if told_s is None and part.after and self.told and self._is_as_long_as_told(self.told[-1]):
            return self._until_s(self.told[-1].caption)
        return told_s

    def lasts_until_s(self, part: Part | None, start_s: float) -> float:
        """Until when this clause, which begins at `start_s`, must sound to leave no silence before the next; or 0."""
        following = next((each for each in self.owed if each is not part), None)
        if following is None or self.times.is_after_silence(following):
            return 0.0
        return self.times.begins_s(following, start_s) or 0.0

    def is_after_silence(self, part: Part | None) -> bool:
        """Whether nothing need be heard right before a clause."""
        return not self.told or (part is not None and self.times.is_after_silence(part))

    def is_added(self, caption: str) -> bool:
        """Whether a caption tells what was told, or that something stops, or nothing that the text names."""
        is_over = self.is_told(caption) or stopped(caption) is not None
        return is_over or not share_word(stems(caption), self.named)

    def is_denied(self, caption: str) -> bool:
        """Whether a caption tells what the text says isn't heard."""
        return share_word(stems(caption), self.denied)

    def is_told(self, caption: str) -> bool:
        """Whether an event with this caption was told before."""
        return any(each.caption.casefold() == caption.casefold() for each in self.told)

    def heard_until_s(self, caption: str) -> float:
        """Until when a sound is told already; 0 where it isn't."""
        return max((each.end_s for each in self.told if each.caption == caption), default=0.0)

    @property
    def latest_s(self) -> float:
        """Where the latest foreground event begins, while clauses are owed: the next begins after it. Else -1."""
        starts = [each.start_s for each in self.told if each.lane == FOREGROUND] if self.owed else []
        return max(starts, default=-1.0)

    def behind_s(self, part: Part | None) -> float:
        """Where what was told latest begins, for a clause that comes behind it ("then", "until"); else -1."""
        return self._latest_begins_s if part is not None and part.after else -1.0

    @property
    def _latest_begins_s(self) -> float:
        """Where what was told latest begins, without the windows of what went on; -1 where nothing was told."""
        return max((each.start_s for each in self.told if not self._went_on(each)), default=-1.0)

    def tell(self, event: Timed, part: Part | None = None) -> None:
        """Take an event down as planned: for a clause, or for the one that its caption tells."""
        done = part if part is not None else self.part_of(event.caption)
        if done is not None:  # the last one goes on where nothing else does, however long it should
            is_last = self.is_last(done) and done.when.every_s is None
            self._done[event.caption] = replace(done, when=NOT_SAID, stop=None) if is_last else done
        self.told.append(event)
        self.owed = [each for each in self.owed if each is not done]

    def due(self, at: Frontier, step_s: float, coming: Timed | None) -> Due | None:
        """What is told to go on, or to be heard again, and is due before what comes (None: nothing does)."""
        found = (self._next_window(at, step_s, coming), self._next_time(at, step_s, coming))
        return min(filter(None, found), key=lambda due: due.start, default=None)

    def _next_window(self, at: Frontier, step_s: float, coming: Timed | None) -> Due | None:
        """A bed's next window.

        A bed that is told without a time, was written as one of the windows of the whole story, or sounds last when all
        is told, goes on to the end of the next window, unless another bed takes its place there, or the events that are
        left are owed. Of two that are told only one that comes after the other takes its place, and none that of one
        heard all along. A bed of which the text says how long it lasts, or that it stops, goes on until then.
        """
        edges = at.windows()
        for bed in self._beds_with_room(at, step_s):
            start, end = round(bed.start_s / step_s), round(bed.end_s / step_s)
            part = self._done.get(bed.caption)
            all_along = part is not None and part.all_along
            is_last = self.is_all_told and end == at.reached
            is_told = part is not None and part.when == NOT_SAID
            may_go_on = (self.is_long or self._goes_on(part)) and end in edges[1:-1]
            goes_on = is_told or is_last or may_go_on or (start, end) in pairwise(edges[:-1])
            until = None if (until_s := self._until_s(bed.caption)) is None else round(until_s / step_s)
            if end not in at.starts() or not (goes_on if until is None else end < until):
                continue
            after = next((edge for edge in edges if edge > end), at.total)
            after = after if until is None else at.first_end(end, until)
            others = [each for each in (*self.told, *([coming] if coming else [])) if each.lane == BED]
            begins = [each for each in others if abs(each.start_s - bed.end_s) <= step_s / 2]
            replaced = any(
                each.caption == bed.caption
                or not (until or all_along or self._went_on(each) or self._sound_beside(each, bed))
                for each in begins
            )
            is_due = coming is None or coming.start_s >= bed.end_s - 1e-6
            if is_due and not replaced and after in at.ends(end):
                return Due(bed.caption, BED, end, after)
        return None

    def _beds_with_room(self, at: Frontier, step_s: float) -> list[Timed]:
        """The beds that a plan has events enough for, to its end beside what is owed: what the text tells, first."""
        beds = [each for each in self.told if each.lane == BED]
        sounding = dict.fromkeys(each.caption for each in beds if each.end_s >= at.latest_start * step_s - 1e-6)
        left = self._events_left(at)
        room = max(1, left // max(1, at.windows_left)) if left > 0 else 0
        first = sorted(sounding, key=lambda caption: caption not in self._done)[:room]
        return [each for each in beds if each.caption in first]

    def _events_left(self, at: Frontier) -> int:
        """How many events a plan has room for beside those that are owed."""
        return MAX_PLANNED_EVENTS - at.count - len(self.owed)

    def _next_time(self, at: Frontier, step_s: float, coming: Timed | None) -> Due | None:
        """The next time of what is told to be heard every so often, while the beds have room to go on."""
        beds = len({each.caption for each in self.told if each.lane == BED})
        room = self._events_left(at) - at.windows_left * beds
        again = {caption: part for caption, part in self._done.items() if part.when.every_s is not None and room > 0}
        found, starts = list[Due](), at.starts()
        for caption, part in again.items():
            last_s = max(each.start_s for each in self.told if each.caption == caption)
            start = round(next_s(part.when, caption, last_s, at.total * step_s, room / len(again)) / step_s)
            is_due = coming is None or coming.start_s >= start * step_s - 1e-6
            if is_due and start in starts and start * step_s < (self._until_s(caption) or math.inf):
                end = nearest(start + self._at_a_time(part.when, caption, start, step_s), at.ends(start))
                found.append(Due(caption, FOREGROUND, start, end))
        return min(found, key=lambda due: due.start, default=None)

    def _at_a_time(self, when: When, caption: str, start: int, step_s: float) -> float:
        """How long, in steps, what is heard every so often is heard once; to the next time, where nothing else is."""
        if self._beds_go_on:
            return at_a_time_s(when) / step_s
        return apart_s(when, caption, start * step_s) / step_s + 1

    def ends(
        self, part: Part | None, caption: str, lane: str, start: int, last_end: int, at: Frontier, step_s: float
    ) -> Sequence[int]:
        """The ends, in steps, that an event may have, by what the text says of when it is over. part: that it tells.

        last_end: of what isn't a bed, so that others find their place; or later, so that there is no silence before
        what begins at a time.
        """
        every, edges = at.ends(start), at.windows()
        windows = [end for end in every if end in edges]
        if part is not None and part.when.every_s is not None:
            return [nearest(start + self._at_a_time(part.when, caption, start, step_s), every)]
        if part is not None and lane == BED and part.all_along and part.stop is None:
            return windows or every
        if self.is_last(part):
            to_the_end = [end for end in every if end == at.total and lane == FOREGROUND]
            in_windows = self.times.ends_silent or (self.is_long and lane == BED)
            return to_the_end or (windows if in_windows else ()) or every
        if (until_s := self._until_s(caption, part, start * step_s)) is not None:
            last_end = nearest(at.first_end(start, round(until_s / step_s)), every)
            if lane == BED or (part is not None and part.says_until_when):
                return [last_end]
        elif lane == BED and (self.times.ends_silent or self.is_long or self._goes_on(part)):
            return windows or every
        next_start = min(self.lasts_until_s(part, start * step_s) / step_s, at.total - at.shortest)
        if lane == FOREGROUND and self._beds_go_on and happens(caption):
            last_end, next_start = min(last_end, start + round(_HAPPENS_S / step_s)), 0
        if at.reached < next_start and self._next_window(at, step_s, None) is None:
            every = [end for end in every if end >= next_start] or every
        return [end for end in every if end <= last_end and lane == FOREGROUND] or every

    def _is_as_long_as_told(self, bed: Timed) -> bool:
        """Whether the text says how long a bed lasts."""
        part = self._done.get(bed.caption)
        return part is not None and part.when.lasts_s is not None

    def _until_s(self, caption: str, part: Part | None = None, start_s: float = math.inf) -> float | None:
        """Until when a sound goes on, as the text says; None where it doesn't.

        part, start_s: of one that isn't told yet.
        """
        part = self._done.get(caption, part)
        began_s = min([start_s, *(each.start_s for each in self.told if each.caption == caption)])
        if part is None:
            return self.times.next_silence_s(began_s)
        return self.times.stops_s(part) if part.when.lasts_s is None else began_s + part.when.lasts_s

    def _is_half_told(self, caption: str) -> bool:
        """Whether a caption has half of what a clause names: that one is told in its own words."""
        words = stems(caption)
        return any(2 * count_of(part.stems, words) >= len(part.stems) for part in self.owed)

    def _went_on(self, bed: Timed) -> bool:
        """Whether a bed is a window of one that began before it."""
        return any(each.caption == bed.caption and each.end_s <= bed.start_s + 1e-6 for each in self.told)

    def _sound_beside(self, one: Timed, other: Timed) -> bool:
        """Whether a bed takes no other's place: both are told, and it isn't told to come after the other."""
        new, old = (self._done.get(each.caption) or self.part_of(each.caption) for each in (one, other))
        return new is not None and old is not None and (new.place < old.place or not (new.after or new.is_place))

    def is_last(self, part: Part | None) -> bool:
        """Whether a clause is all that is owed and nothing goes on: nothing would sound after its event."""
        again = any(each.when.every_s is not None for each in self._done.values())
        return part is not None and self.owed == [part] and not self._beds_go_on and not again

    @property
    def _beds_go_on(self) -> bool:
        """Whether there is a bed of which the text doesn't say how long it lasts, nor that it stops."""
        return any(each.lane == BED and self._until_s(each.caption) is None for each in self.told)

    def is_overdue(self, part: Part | None) -> bool:
        """Whether a clause that the text names later, and not as heard all along, was told before this one."""
        later = (done for done in self._done.values() if not done.all_along)
        return part is not None and any(done.place > part.place for done in later)

    def room(self, at: Frontier, part: Part | None, step_s: float) -> tuple[int, int]:
        """The last start and the last end, in steps, that leave each clause after this one a place of its own."""
        if not self.owed:
            return at.total, at.total
        others = [each for each in self.owed if each is not part]
        slot = max(at.shortest, at.total // (2 * (len(others) + len(self.told) + 1)))
        told = [
            round(told_s / step_s) - before
            for before, each in enumerate(others, start=1)
            if each.when.since != "last" and (told_s := self.times.begins_s(each, 0.0)) is not None
        ]
        return min([at.total - (len(others) + 1) * slot, *told]), at.total - len(others) * slot
