"""The public API: our kinds, their fields and the names we write on other objects."""
