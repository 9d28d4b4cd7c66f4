"""Tests of routing: files *.pyrolens.yaml beside a config, run by the router's own pipeline."""
