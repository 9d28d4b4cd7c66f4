"""What the router costs: `make bench`. docs/benchmarks.md says how it is measured."""
