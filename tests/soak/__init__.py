"""Long rounds of faults and load, which `make soak` runs alone on the machine and whose figures it prints."""
