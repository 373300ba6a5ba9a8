"""What bounded the time of an answer: the chain of waits and work, backwards from its end."""
