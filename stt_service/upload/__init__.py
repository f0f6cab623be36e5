"""What leaves this device, for those who have chosen so, and what is taken back."""
