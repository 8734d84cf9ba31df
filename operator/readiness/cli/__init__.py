"""The command line `readiness`."""
