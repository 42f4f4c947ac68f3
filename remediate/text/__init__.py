"""Text that people write, made into values: strict YAML, templates, durations, and complaints with their place."""
