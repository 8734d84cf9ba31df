"""One file per check; the file name is the check id in snake_case."""
