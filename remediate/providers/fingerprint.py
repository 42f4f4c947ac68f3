"""The shell function that tells whether a directory is still the one that a job left there. Runs nothing itself."""

FINGERPRINT = r"""
fingerprint() { (cd -- "$1" && find . -type f -printf '%P %s %T@\n' | LC_ALL=C sort | sha256sum); }
"""
"""Prints one line of names, sizes and times of all files below $1; renaming the directory leaves it as it was."""
