"""The long-running service: looks at environments on a schedule, takes alerts, and has what is wrong healed."""
