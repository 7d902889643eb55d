"""Runs a notebook by the project's kernel: execute.py INPUT.ipynb OUTPUT.ipynb

Prints one JSON line a cell, {"cell", "cells"}, and at a failure one with {"cell", "message"}; exit code 0 only if every cell succeeded
and nothing failed beside them. Ends, and the kernel with it, when the process that started it is gone.
"""

import json
import os
import re
import sys
import threading
import time

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

ANSI = re.compile(r"\x1b\[[0-9;]*m")
# What the kernel prints of errors that no cell waits for; the cell itself then counts as successful.
UNHANDLED = re.compile(r"UnhandledPromiseRejection|UncaughtException|Unhandled promise rejection|Uncaught exception")


def say(**event):
    print(json.dumps(event), flush=True)


def end_with_parent(parent):
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def error_text(cell):
    """What the kernel printed as errors: tslab writes them to standard error, not as error outputs."""
    texts = [o.get("text", "") for o in cell.get("outputs", []) if o.output_type == "stream" and o.get("name") == "stderr"]
    return ANSI.sub("", "".join(texts)).strip()


def main(source, target):
    threading.Thread(target=end_with_parent, args=(os.getppid(),), daemon=True).start()
    notebook = nbformat.read(source, as_version=4)
    code = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    at = {"cell": 0}

    def started(cell, cell_index):
        at["cell"] = code.index(cell_index) + 1 if cell_index in code else at["cell"]
        say(cell=at["cell"], cells=len(code))

    client = NotebookClient(notebook, timeout=None, kernel_name="tslab", on_cell_start=started, resources={"metadata": {"path": os.getcwd()}})
    try:
        client.execute()
    except CellExecutionError as error:
        cell = notebook.cells[code[at["cell"] - 1]]
        say(cell=at["cell"], message=error_text(cell) or ANSI.sub("", str(error)))
        return 1
    except DeadKernelError:
        say(cell=at["cell"], message="The kernel died, perhaps for lack of memory.")
        return 1
    for number, index in enumerate(code, start=1):
        text = error_text(notebook.cells[index])
        if UNHANDLED.search(text):
            say(cell=number, message=text)
            return 1
    nbformat.write(notebook, target)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
