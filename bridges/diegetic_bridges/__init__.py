"""Bridges connect the engine to protocols and hosts (OSC, MIDI, HTTP); the engine never imports them."""
