"""Playbooks: YAML on disk made into values that know their checks, their fixes and their policies."""

from remediate.playbook.reading import Playbook, find_playbook, load_playbook, playbook_files

__all__ = ["Playbook", "find_playbook", "load_playbook", "playbook_files"]
