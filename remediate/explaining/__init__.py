"""Playbooks told in sentences, from the same contracts that run them. It reaches no host and runs no step."""

from remediate.explaining.explanation import explain
from remediate.explaining.story import Point, Points, Quoted, Section, story
from remediate.explaining.told import Explanation

__all__ = ["Explanation", "Point", "Points", "Quoted", "Section", "explain", "story"]
