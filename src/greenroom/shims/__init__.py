"""What simulated tasks see in the place of threading, queue, time, random and the like."""
