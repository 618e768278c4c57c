"""The triggers: they wait and read in the triggerer, and never write to X."""
