"""The wire as one table: every address that is taken and every address that is sent. All else derives from it.

bridges/README.md's table, the OSCQuery tree, Reaper's file, the check of what a datagram holds and the dispatch to the
engine come from `VERBS` and `MESSAGES`.

Knows nothing of sockets, bytes or the engine.
"""

from dataclasses import dataclass
from typing import Literal

from diegetic.live.parameters import LONGEST_SLEW_S
from diegetic.settings import RATES_HZ

ROOT = "/diegetic"
SLOTS = 16
LONGEST_TEXT = 4000

Value = int | float | str | bytes | bool | None


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a message. type: i, f, d or s; "fs" takes a number or a word. low, high: the range, both ends in.

    An optional argument may be left out, with all that follow it, or be nil; an empty string leaves it out, too, but
    where empty says that this is a value.
    """

    name: str
    type: str
    help: str = ""
    unit: str = ""
    low: float | None = None
    high: float | None = None
    optional: bool = False
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Verb:
    """An address that is taken. A part in angle brackets stands for a name or a number and is the first argument.

    slow: takes a request number first, and is answered by /ack or /fail at once and by /done or /fail at its end.
    timed: plays at its bundle's time tag. query: without arguments (or with all it takes) it only asks, so an address
    with wildcards may reach it. local: taken from this machine only.
    """

    address: str
    arguments: tuple[Argument, ...]
    help: str
    reply: tuple[str, ...] = ()
    slow: bool = False
    timed: bool = False
    query: Literal["", "always", "bare"] = ""
    local: bool = False

    @property
    def name(self) -> str:
        """The engine's method: "cue_go" for /diegetic/cue/go, "slot_gain" for /diegetic/slot/<slot>/gain."""
        parts = [part for part in self.address.removeprefix(ROOT).split("/") if part]
        return "_".join(part.strip("<>") for part in parts if part != "<slot>")

    @property
    def in_address(self) -> int:
        """How many of the arguments are parts of the address."""
        return self.address.count("<")

    @property
    def types(self) -> str:
        return type_tags(self.arguments[self.in_address :])


@dataclass(frozen=True, slots=True)
class Message:
    """An address that is sent. event: sent to every client that asked by /diegetic/notify, a sequence number first."""

    address: str
    arguments: tuple[Argument, ...]
    help: str
    event: bool = False

    @property
    def types(self) -> str:
        return type_tags(self.arguments)


def type_tags(arguments: tuple[Argument, ...]) -> str:
    """The type tags as a reader wants them: "isf", optional ones in square brackets, "f|s" where either is taken."""
    tags = [("|".join(each.type), each.optional) for each in arguments]
    return "".join(f"[{tag}]" if optional else tag for tag, optional in tags)


_REQ = Argument("req", "i", "request number, the client's choice; free again after its end", low=0)
_STORY = Argument("story", "s", "name of the story")
_CUE = Argument("name", "s", "name of the cue")
_TEXT = Argument("text", "s", "what is to be heard")
_SECONDS = Argument("seconds", "f", "length", "s", 1, 324)
_EVENT = Argument("event", "i", "number of the event: 3 for e3", low=1)
_SLOT = Argument("slot", "i", "number of the slot", low=1, high=SLOTS)
_JOB = Argument("job", "i", "number of the job, from /diegetic/ack", low=1)
_FIRE = Argument("intensity", "f", "above 0 fires with that intensity, 0 is ignored", low=0, high=1, optional=True)
_PRESS = Argument("on", "f", "above 0 presses, 0 is ignored", low=0, optional=True)
_POLICY = Argument("policy", "s", "where it isn't ready in time: wait, drop or next_bar", optional=True)
_IN_SLOT = Argument("slot", "i", "slot it is put in", low=1, high=SLOTS, optional=True)
_LANE = Argument("lane", "s", "lane it is laid into", optional=True)
_LENGTH = Argument("seconds", "f", "length", "s", 1, 324, optional=True)
_MODEL = Argument("model", "s", "name of the model")
_LAYING = (
    Argument("format", "s", "of mix and stems: wav24, wav32f or flac", optional=True),
    Argument("channels", "s", "of mix and stems: mono or stereo", optional=True),
    Argument("stems", "s", "which: event, lane or both", optional=True),
    Argument("loudness", "f", "of the mix", "LUFS", -50, -5, optional=True),
    Argument("lane_loudness", "s", "of lanes, in LUFS: bed=-30,foreground=-20", optional=True, empty=True),
    Argument("true_peak", "f", "the mix's limit", "dBTP", -20, 0, optional=True),
    Argument("handles", "f", "sound kept around each event's clip", "s", 0, 10, optional=True),
    Argument("bpm", "f", "tempo of the project files", "", 20, 400, optional=True),
    Argument("rate", "i", "of mix and stems", "Hz", *RATES_HZ, optional=True),
)
_STATE = Argument("file", "s", "file inside the project folder")


def _slow(path: str, arguments: tuple[Argument, ...], text: str, timed: bool = False) -> Verb:
    return Verb(f"{ROOT}/{path}", (_REQ, *arguments), text, ("ack", "done"), slow=True, timed=timed)


VERBS: tuple[Verb, ...] = (
    Verb(
        f"{ROOT}/ping",
        (Argument("sent", "d", "the client's clock", "s", optional=True),),
        "Measure the round trip and the offset between two clocks.",
        ("pong",),
        query="always",
    ),
    Verb(f"{ROOT}/status", (), "How the engine is.", ("status.reply",), query="always"),
    _slow("tell", (_STORY, _TEXT, _SECONDS), "Plan, render and play a story.", timed=True),
    _slow("plan", (_STORY, _TEXT, _SECONDS), "Only plan a story."),
    _slow("render", (_STORY,), "Only render a story that is planned."),
    _slow(
        "continue",
        (_STORY, _TEXT, _LENGTH),
        "Tell what comes next in a story, at once; a bed goes on at its end.",
        timed=True,
    ),
    _slow(
        "cue/define", (_CUE, _STORY, _TEXT, _POLICY, _IN_SLOT, _LANE, _LENGTH), "Define a cue: a text, told in a story."
    ),
    _slow("cue/arm", (_CUE,), "Render a cue ahead and keep it."),
    _slow("cue/go", (_CUE,), "Play a cue now, or at the bundle's time.", timed=True),
    _slow("cue/stop", (_CUE,), "Fade a cue out."),
    Verb(f"{ROOT}/cue/fire", (_CUE,), "Play a cue, for senders of one string, as Reaper's markers.", timed=True),
    Verb(f"{ROOT}/cue/<name>", (_CUE, _FIRE), "Play a cue from a pad or a button.", timed=True),
    Verb(f"{ROOT}/slot/<slot>/go", (_SLOT, _FIRE), "Play the cue in a slot.", timed=True),
    Verb(f"{ROOT}/slot/<slot>/stop", (_SLOT, _PRESS), "Fade the cue in a slot out."),
    Verb(
        f"{ROOT}/slot/<slot>/gain",
        (_SLOT, Argument("gain", "f", "1 is as rendered", low=0, high=1, optional=True)),
        "Set a slot's gain; without an argument, ask for it.",
        ("slot/<slot>/gain",),
        query="bare",
    ),
    _slow(
        "event/set",
        (_STORY, _EVENT, Argument("key", "s", "a key of the event, as in story.toml"), Argument("value", "s")),
        "Edit one event.",
    ),
    _slow("event/retake", (_STORY, _EVENT, Argument("seed", "i", low=0)), "Render one event again with a seed."),
    Verb(
        f"{ROOT}/param/<name>",
        (
            Argument("name", "s", "name of the parameter"),
            Argument("value", "fs", "a number in its range, or a word", optional=True),
            Argument("slew", "f", "time in which what sounds now gets there", "s", 0, LONGEST_SLEW_S, optional=True),
        ),
        "Shape what is rendered next and what sounds now; without an argument, ask for the value.",
        ("param/<name>",),
        query="bare",
    ),
    Verb(f"{ROOT}/transport/stop", (_PRESS,), "Fade all, and forget what is scheduled."),
    Verb(f"{ROOT}/panic", (_PRESS,), "Cut all at once, and forget what is scheduled."),
    _slow(
        "bounce",
        (_STORY, Argument("folder", "s", "folder inside the project folder"), *_LAYING),
        "Lay a story out as stems; what is left out is as serve was told.",
    ),
    Verb(f"{ROOT}/job/get", (_JOB,), "How a job is; its end again, where it has ended.", ("job",), query="always"),
    Verb(f"{ROOT}/job/cancel", (_JOB,), "Cancel a job, within one denoise step.", ("job",)),
    Verb(f"{ROOT}/jobs", (), "All jobs that haven't ended.", ("job", "jobs.reply"), query="always"),
    _slow("state/save", (_STORY, _STATE), "Save a story's memory, exactly."),
    _slow("state/load", (_STORY, _STATE), "Load a story's memory."),
    _slow("model/load", (_MODEL,), "Load a model."),
    _slow("model/unload", (_MODEL,), "Unload a model."),
    Verb(
        f"{ROOT}/sync",
        (Argument("id", "i", "comes back in the answer"),),
        "Ask to be told when all earlier work of this client has ended.",
        ("synced",),
    ),
    Verb(
        f"{ROOT}/notify",
        (
            Argument("on", "i", "1 subscribes, 0 ends it", low=0, high=1),
            Argument("types", "s", 'types beyond i f s b T F that the client takes: any of "hdt"', optional=True),
            Argument("meters", "i", "1 asks for /diegetic/meters too", low=0, high=1, optional=True),
        ),
        "Subscribe to events. A lease: any message renews it.",
        ("notify.reply",),
    ),
    Verb(
        f"{ROOT}/resync",
        (Argument("from", "i", "first sequence number that is wanted", low=0),),
        "Send events again, from a bounded log.",
        ("resync.reply",),
    ),
    Verb(
        f"{ROOT}/dump",
        (),
        "Everything: status, parameters, cues, stories, jobs, counts.",
        ("dump.reply",),
        query="always",
    ),
    Verb(
        f"{ROOT}/midi/learn",
        (Argument("parameter", "s", "name of the parameter"),),
        "Let the next MIDI controller that is moved move a parameter from then on.",
    ),
    Verb(f"{ROOT}/quit", (), "End the engine.", local=True),
)

RESERVED_CUES = frozenset(verb.address.rsplit("/", 1)[1] for verb in VERBS if verb.name.startswith("cue_"))

_VERB = Argument("verb", "s", "address that is answered")
_OWN_REQ = Argument("req", "i", "the client's request number; -1 where there is none")
_SEQ = Argument("seq", "i", "sequence number")
_OF_JOB = Argument("job", "i", "number of the job; -1 where there is none")
_EVENT_ID = Argument("event", "s", 'its id, "e3"')
_OF_CUE = Argument("cue", "s", "whose it is; empty where it is part of the story")
_CUE_STATE = Argument("state", "s", "idle, arming, armed, pending or sounding")
_TIME = Argument("at", "t", "when; as the client takes it: t, d (seconds since 1970), else f (the engine's clock)", "s")


def _reply(path: str, arguments: tuple[Argument, ...], text: str) -> Message:
    return Message(f"{ROOT}/{path}", arguments, text)


def _event(path: str, arguments: tuple[Argument, ...], text: str) -> Message:
    return Message(f"{ROOT}/{path}", (_SEQ, *arguments), text, event=True)


MESSAGES: tuple[Message, ...] = (
    _reply("ack", (_OWN_REQ, _VERB, _OF_JOB), "A slow verb was taken."),
    _reply("done", (_OWN_REQ, _VERB, _OF_JOB, Argument("result", "s")), "A slow verb has ended well."),
    _reply(
        "fail",
        (_OWN_REQ, _VERB, _OF_JOB, Argument("code", "i"), Argument("symbol", "s"), Argument("text", "s")),
        "What was sent was refused, or a slow verb has failed: why, and what would be right.",
    ),
    _reply(
        "pong",
        tuple(Argument(name, "d", unit="s") for name in ("sent", "received", "replied")),
        "The client's clock as it came, then the engine's, twice; floats where the ping had no double.",
    ),
    _reply(
        "status.reply",
        (
            Argument("state", "s", "starting, loading, ready, busy, degraded or draining"),
            Argument("queued", "i"),
            Argument("running", "i"),
            Argument("voices", "i"),
            Argument("load", "f", "of the audio callback", low=0, high=1),
            Argument("memory", "f", unit="MB"),
            Argument("rate", "i", unit="Hz"),
            Argument("underruns", "i"),
            Argument("model", "s"),
            Argument("device", "s"),
        ),
        "How the engine is.",
    ),
    _reply(
        "job",
        (
            _OF_JOB,
            _OWN_REQ,
            Argument("verb", "s"),
            Argument("state", "s", "queued, running, done, failed or cancelled"),
            Argument("stage", "s"),
            Argument("done", "f"),
            Argument("total", "f"),
            Argument("text", "s", "its result, or why it failed"),
        ),
        "How a job is.",
    ),
    _reply("jobs.reply", (Argument("count", "i"),), "How many /diegetic/job came before it."),
    _reply("slot/<slot>/gain", (Argument("gain", "f"),), "A slot's gain."),
    _reply("param/<name>", (Argument("value", "fs"),), "A parameter's value."),
    _reply("cue", (_CUE, _STORY, Argument("slot", "i", "0 for none"), _CUE_STATE), "A cue."),
    _reply("story", (_STORY, Argument("events", "i"), Argument("seconds", "f", unit="s")), "A story."),
    _reply("synced", (Argument("id", "i"),), "All work of this client before that /diegetic/sync has ended."),
    _reply("notify.reply", (Argument("on", "i"), Argument("lease", "f", unit="s")), "Whether subscribed, how long."),
    _reply(
        "resync.reply",
        (Argument("first", "i"), Argument("last", "i"), Argument("count", "i")),
        "The first and last sequence number of the events that follow it, and how many: those before it are lost.",
    ),
    _reply("count", (Argument("name", "s"), Argument("count", "i")), "What the bridge counts: packets, refused, ..."),
    _reply(
        "meters",
        (
            Argument("lane", "s"),
            Argument("peak", "f", "1 is full scale"),
            Argument("rms", "f"),
        ),
        "What a lane played in the last tenth of a second: ten times a second, to who asked by /diegetic/notify.",
    ),
    _reply("dump.reply", (Argument("count", "i"),), "How many messages came before it."),
    _event(
        "progress",
        (
            _OF_JOB,
            Argument("stage", "s", "load, plan, diffuse, decode or write"),
            Argument("done", "f"),
            Argument("total", "f"),
            Argument("eta", "f", unit="s"),
        ),
        "How far a job is.",
    ),
    _event(
        "plan/event",
        (
            _STORY,
            _EVENT_ID,
            Argument("caption", "s"),
            Argument("start", "f", unit="s"),
            Argument("duration", "f", unit="s"),
            Argument("lane", "s"),
            _OF_CUE,
        ),
        "An event was planned. A cue's is told once more when it becomes part of its story, with its id there.",
    ),
    _event(
        "segment/ready", (_STORY, _EVENT_ID, Argument("duration", "f", unit="s"), _OF_CUE), "An event can be heard."
    ),
    _event("segment/start", (_STORY, _EVENT_ID, _TIME, _OF_CUE), "An event begins to sound."),
    _event("segment/end", (_STORY, _EVENT_ID, _TIME, _OF_CUE), "An event has sounded."),
    _event("cue/changed", (_CUE, _CUE_STATE), "A cue has another state."),
    _event("state", (Argument("state", "s", "as in status.reply"),), "The engine has another state."),
    _event(
        "late",
        (
            Argument("subject", "s", "a cue, or story/event"),
            Argument("late", "f", unit="s"),
            Argument("action", "s", "what was done instead: wait, drop or next_bar"),
        ),
        "What was to sound wasn't ready at its time.",
    ),
    _event("underrun", (Argument("blocks", "i"), Argument("total", "i")), "The device had to do without."),
    _event(
        "device",
        (Argument("name", "s"), Argument("state", "s", "open, lost, back or closed"), Argument("rate", "i", unit="Hz")),
        "The audio device.",
    ),
    _event("error", (Argument("code", "i"), Argument("symbol", "s"), Argument("text", "s")), "What belongs to no job."),
)

BY_NAME = {verb.name: verb for verb in VERBS}
BY_MESSAGE = {message.address: message for message in MESSAGES}
