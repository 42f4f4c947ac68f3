"""Inventories: one environment a file, its hosts, how to reach them, and the policy that protects them."""

from remediate.inventory.contacts import Contact
from remediate.inventory.hosts import DatabaseReference, Host
from remediate.inventory.reading import Inventory, find_inventory, load_inventory
from remediate.inventory.references import Reference
from remediate.inventory.written import AutoPolicy, Policy, Window

__all__ = [
    "AutoPolicy",
    "Contact",
    "DatabaseReference",
    "Host",
    "Inventory",
    "Policy",
    "Reference",
    "Window",
    "find_inventory",
    "load_inventory",
]
