"""Values that decide, and do nothing: when to call, whom to admit, in which order, how long to wait. Time is an argument."""
