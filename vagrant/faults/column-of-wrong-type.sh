# A column has the right name and the wrong type, which `ADD COLUMN IF NOT EXISTS` skips in silence: POST answers 500.
# recognised by: missing-columns
# shellcheck source=lib/common.sh

sql 'ALTER TABLE avatars ALTER "sourceType" DROP DEFAULT, ALTER "sourceType" TYPE integer USING 0'
expect_failure 500 P2007 POST /projects '{"name": "Never created"}'
