"""The command line: argv -> wiring -> exit code."""
