# Everything runs in .venv, which is made when it is missing.
PY := .venv/bin/python
