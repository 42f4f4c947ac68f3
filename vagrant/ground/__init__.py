"""The practice ground: hosts to break and repair, made on this machine without a virtual machine.

Not part of the `remediate` package, and it imports nothing outside the standard library: it has to run before
anything is installed.
"""
