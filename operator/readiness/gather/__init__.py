"""The only code that reads: clusters and files."""
