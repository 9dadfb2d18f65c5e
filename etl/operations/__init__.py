"""What people and schedulers ask for: cycles, schedules, status, repair, tidying up."""
