"""Diegetic: a told scene becomes sound. The engine knows nothing of OSC, MIDI or HTTP."""

__version__ = "0.1.0"
