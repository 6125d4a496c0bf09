"""Reaper's .ReaperOSC file: which of Reaper's own values are sent to which address of the registry.

Reaper sends what changes (a fader, the transport, the name of a marker that is passed) to the pattern beside its key;
the letter before a pattern is how: n a number 0..1, b and t 1 or 0, s a string. "@" stands for the track's number.

Knows nothing of the running engine.
"""

from diegetic_bridges.registry import BY_NAME, SLOTS

_KEYS = (
    ("TRACK_VOLUME", "n", "slot_gain", "the faders of the first 16 tracks: the gains of the slots"),
    ("TRACK_SOLO", "b", "slot_go", "solo of a track: the cue of its slot"),
    ("STOP", "b", "transport_stop", "Reaper stops: all fades out"),
    ("LAST_MARKER_NAME", "s", "cue_fire", "the cursor passes a marker: the cue of that name"),
)

_HEAD = f"""\
# Diegetic. Copy this file into REAPER's resource path, folder OSC; then Preferences, Control/OSC/web, Add:
# OSC, pattern config Diegetic, device IP 127.0.0.1, device port 9777.
# Made from the registry by scripts/wire_table.py.

DEVICE_TRACK_COUNT {SLOTS}
DEVICE_SEND_COUNT 0
DEVICE_RECEIVE_COUNT 0
DEVICE_FX_COUNT 0
DEVICE_FX_PARAM_COUNT 0
REAPER_TRACK_FOLLOWS REAPER
DEVICE_TRACK_FOLLOWS DEVICE
DEVICE_TRACK_BANK_FOLLOWS DEVICE
DEVICE_FX_FOLLOWS DEVICE
"""


def reaper_osc() -> str:
    """The whole file."""
    lines = [
        f"\n# {text}\n{key} {letter}{BY_NAME[name].address.replace('<slot>', '@')}" for key, letter, name, text in _KEYS
    ]
    return _HEAD + "\n".join(lines) + "\n"
