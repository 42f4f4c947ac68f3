"""Escalation: the runbook's report of what a person is needed for, whose turn it is, and how it reaches them."""
