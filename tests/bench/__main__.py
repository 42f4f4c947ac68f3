"""`python -m tests.bench`: all figures, one `name value` line each."""

from tests.bench.bench import main

main()
