"""One file a behaviour; `servers/` holds what needs a real MySQL or MariaDB."""
