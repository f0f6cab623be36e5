"""What may keep the program from working here, and what to do about it."""
