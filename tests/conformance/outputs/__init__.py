"""Cases of outputs (cases/outputs): what each puts on the wire, and what it does when the destination fails.

A case: `config`, the [OUTPUT] sections; `input`, or `batches` sent `gap` seconds apart (`split`: a message for each
event); `service`, added to [SERVICE]; `env`, `files`; `servers`, which capture what is sent, and `answers`, scripted
per operation and used up in order ("*": any; an answer has `status`, `headers`, `json` or `text`, `wait`, or is
{"close": true}). `settle`, `least`, `most`: seconds of quiet that end it, least and most time. `stop: term`: SIGTERM,
and what is sent while stopping counts too. `mask`: patterns whose matches do not count; `unordered`: nor does the
order. Tokens: @DIR@ @PORT@ @PORT2@ @SOCK@ @CA@.

Results: `expected`, what the servers received in order of arrival; `expected_stdout`, `expected_files`, or
`expected_error`, it refuses to start. In them "<any>" stands for what differs from run to run, and long values are
shortened, see values.short.
"""
