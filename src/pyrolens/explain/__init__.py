"""Where records go and what becomes of them on the way: for `pyrolens explain`.

With records it tells a journey of pyrolens.rehearsal; without, what the config alone says (matrix.py).
"""
