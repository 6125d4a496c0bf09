"""A story's timeline as projects that other programs open: Reaper, DAWproject, MIDI and CSV markers."""
