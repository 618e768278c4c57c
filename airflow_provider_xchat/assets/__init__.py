"""Assets of X Chat."""
