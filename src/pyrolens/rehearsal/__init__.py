"""What a config would do with records: the router's own pipeline, fed offline, in virtual time, and watched.

Nothing is opened: no socket, no file of an output, no network.
"""
