"""What helps people with their configs: each verb of the command line is one module."""
