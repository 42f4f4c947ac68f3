"""`python -m tests.bench`: all figures, one `name value` line each. What each means stands in `bench` and `runner`."""

from tests.bench import bench, runner

bench.main()
bench.tell("version_ms", runner.version_ms())
bench.tell("journal_ratio", runner.journal_ratio())
