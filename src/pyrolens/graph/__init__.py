"""The pipeline of a config as a picture: what leads where, under which tags and conditions."""
