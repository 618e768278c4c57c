"""The sensors: each waits for something to become true of X Chat."""
