"""One file per behaviour; `servers` holds what needs a real MySQL or MariaDB."""
