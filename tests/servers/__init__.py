"""What only a real MySQL and a real MariaDB can show."""
