"""The controller: keeps conditions on workloads true."""
