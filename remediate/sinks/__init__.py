"""Who listens to a run: the console, JSON lines."""
