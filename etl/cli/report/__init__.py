"""What people read on the terminal, one module per subject: tables, lines and sentences."""
