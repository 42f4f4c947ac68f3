# The app's role may not insert into `avatars` any more: GET answers 200, POST 500, and every column is there.
# recognised by: partial-schema
# shellcheck source=lib/common.sh

sql 'REVOKE INSERT ON avatars FROM CURRENT_USER'
expect_failure 500 42501 POST /projects '{"name": "Never created"}'
