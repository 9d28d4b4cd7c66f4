"""The data that moves: events, tags, accessors, regexes, times, codecs."""
