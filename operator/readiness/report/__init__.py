"""Turns what was decided into conditions and text; pure."""
