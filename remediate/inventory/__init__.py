"""Inventories: one environment a file, its hosts, how to reach them, and the policy that protects them."""

from remediate.inventory.hosts import DatabaseReference, Host
from remediate.inventory.reading import Inventory, find_inventory, load_inventory
from remediate.inventory.references import Reference
from remediate.inventory.written import Contact, Policy

__all__ = [
    "Contact",
    "DatabaseReference",
    "Host",
    "Inventory",
    "Policy",
    "Reference",
    "find_inventory",
    "load_inventory",
]
