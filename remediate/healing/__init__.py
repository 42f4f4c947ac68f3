"""Healing without a person: which cure, whether it may be made, what holds it back. What is told is cli's.

The decisions (`verdict`, `choice`, `brakes`, `windows`, `history`) are pure; only `healer` acts.
"""
