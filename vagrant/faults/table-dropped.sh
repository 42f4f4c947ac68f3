# The table `avatars` is gone, and the history says that all is applied: everything answers 500, deploying mends nothing.
# recognised by: missing-tables
# shellcheck source=lib/common.sh

sql 'SET client_min_messages = warning; DROP TABLE IF EXISTS avatars'
expect_failure 500 P2021 GET /projects
