"""The only code that writes to a cluster, but for the Lease of controller/leader.py."""
