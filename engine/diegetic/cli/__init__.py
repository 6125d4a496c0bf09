"""The command line: what is asked for becomes calls of the director, what comes of it becomes lines.

Everything slow (torch, numpy) is imported by the command that needs it, so that help and errors come at once.
"""
