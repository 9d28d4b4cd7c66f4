"""Two versions of a config, compared by what they do with the same records."""
