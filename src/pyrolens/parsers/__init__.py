"""The parsers: one file each, named as in the config."""
