"""Samples in numpy: files, joins, loudness, seams."""
