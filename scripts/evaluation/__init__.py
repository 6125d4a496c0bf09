"""Measures of pocket: a module each, with `measure(context) -> list[Row]`, run by scripts/evaluate_pocket.py."""
