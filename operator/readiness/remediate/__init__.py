"""Turns fixes into patches, and finds out which of them may be applied."""
