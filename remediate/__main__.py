"""`python -m remediate` is `remediate`."""

from remediate.cli import main

main()
