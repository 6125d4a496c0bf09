"""The generator: a child process that owns the model, takes one step of one job at a time, and may crash.

client.py  the director's side    messages.py  what goes over the pipe    process.py  the child
tasks.py   what can be asked      perform.py   how it is done, step by step
"""
