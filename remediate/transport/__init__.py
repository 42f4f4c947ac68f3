"""The ways to a real host: SSH, the pipelined shell, jobs that outlive the link, and the database behind it."""
