"""What tells people of refusals and failures."""
