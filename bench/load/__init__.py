"""make bench-load: numbered lines at a rate, to services with the limits and the faults of AWS's own."""
