"""The player: a child process with the audio device, the mixer, and nothing else to do.

client.py    the director's side          messages.py  what goes over the pipe      process.py  the child
device.py    PortAudio, nowhere else      null.py      a true clock without a card  recorder.py what was played
network.py   receivers on the network     packets.py   VBAN and ReaStream
"""
