"""The connection to a cluster: authentication, transport, errors and nothing else."""
