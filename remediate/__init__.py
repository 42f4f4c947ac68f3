"""A remediation runner: diagnose, confirm, fix, verify. This file holds the version and imports nothing."""

__version__ = "0.1.0"
