"""What people and schedulers ask for: cycles, schedules, status, repair, retention."""
