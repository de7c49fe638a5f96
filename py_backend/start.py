"""Starts the backend as a script: `python /path/to/py_backend/start.py --address ...`.

`python -m py_backend` would look for every module in the working folder first, and a random.py that lies there would be
run. This looks in the project's folder instead.
"""

import sys

sys.path[0] = sys.path[0].rpartition("/")[0]

from runpy import run_module  # noqa: E402 - only now

run_module("py_backend", run_name="__main__", alter_sys=True)
