"""pyrolens check: what is wrong with a config or a task definition without anything being run."""
