"""Runs a notebook by the project's kernel: execute.py INPUT.ipynb OUTPUT.ipynb

Prints one JSON line a cell, {"cell", "cells"}, and at a failure one with {"cell", "message"}, or {"cell", "died"} where the kernel came to
its end; exit code 0 only if every cell succeeded and nothing failed beside them. Ends, and the kernel with it, when the process that started it is gone.
"""

import json
import os
import re
import resource
import sys
import threading
import time
from queue import Empty

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

ANSI = re.compile(r"\x1b\[[0-9;]*m")
# How the kernel begins what it prints of an error that no cell waits for; the cell itself then counts as successful.
UNHANDLED = re.compile(r"(UnhandledPromiseRejection|UncaughtException):")
# Seconds in which such an error may still come: after each cell, so that not too many others run in vain, and after the last.
MOMENT = 0.05
LAST_MOMENT = 0.5


# The kernel inherits standard output, and what it prints there past Jupyter, as native code does, must not come between the events.
EVENTS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def say(**event):
    print(json.dumps(event), file=EVENTS, flush=True)


def end_with_parent(parent):
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def error_text(cell):
    """What the kernel tells of the error that ended a cell; stock tslab, another kernel, only prints it."""
    outputs = cell.get("outputs", [])
    told = [line for output in outputs if output.output_type == "error" for line in output.traceback]
    printed = [o.get("text", "") for o in outputs if o.output_type == "stream" and o.get("name") == "stderr"]
    return ANSI.sub("", "\n".join(told) or "".join(printed)).strip()


class UnhandledError(Exception):
    """An error that no cell waits for, and the number of the code cell during or after which the kernel printed it."""

    def __init__(self, cell, message):
        super().__init__(message)
        self.cell = cell
        self.message = message


class Client(NotebookClient):
    """Looks at everything that the kernel prints. nbclient drops what comes after the end of the cell that is running."""

    def __init__(self, notebook, **options):
        super().__init__(notebook, **options)
        self.code = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
        self.number = 0
        self.cell_of_request = {}
        self.unhandled = None
        self.kernel_process = None

    async def async_start_new_kernel_client(self):
        client = await super().async_start_new_kernel_client()
        self.kernel_process = self.km.provisioner.process
        receive = client.iopub_channel.get_msg

        async def receive_and_look(*args, **options):
            message = await receive(*args, **options)
            self.look(message)
            return message

        client.iopub_channel.get_msg = receive_and_look
        return client

    def look(self, message):
        request = message["parent_header"].get("msg_id")
        # The first message of a request says that the kernel is busy with it, and that is while its cell runs.
        number = self.cell_of_request.setdefault(request, self.number)
        content = message["content"]
        # What is shown again and again is how far something is.
        if message["msg_type"] in ("display_data", "update_display_data") and content.get("transient", {}).get("display_id"):
            say(cell=number, cells=len(self.code), progress=content["data"].get("text/plain", ""))
        if message["msg_type"] == "stream" and message["content"]["name"] == "stderr" and self.unhandled is None:
            text = ANSI.sub("", message["content"]["text"])
            if UNHANDLED.match(text):
                self.unhandled = UnhandledError(number, text.strip())

    async def async_execute_cell(self, cell, cell_index, **options):
        if cell.cell_type == "code":
            self.number = self.code.index(cell_index) + 1
            say(cell=self.number, cells=len(self.code))
        executed = await super().async_execute_cell(cell, cell_index, **options)
        if cell.cell_type == "code":
            await self.wait_for_errors(LAST_MOMENT if cell_index == self.code[-1] else MOMENT)
        return executed

    async def wait_for_errors(self, seconds):
        end = time.monotonic() + seconds
        while self.unhandled is None and (left := end - time.monotonic()) > 0:
            try:
                await self.kc.iopub_channel.get_msg(timeout=left)
            except Empty:
                break
        if self.unhandled is not None:
            raise self.unhandled


def main(source, target):
    threading.Thread(target=end_with_parent, args=(os.getppid(),), daemon=True).start()
    notebook = nbformat.read(source, as_version=4)
    client = Client(notebook, timeout=None, startup_timeout=600, kernel_name="tslab", resources={"metadata": {"path": os.getcwd()}})
    try:
        client.execute()
    except CellExecutionError as error:
        cell = notebook.cells[client.code[client.number - 1]]
        say(cell=client.number, message=error_text(cell) or ANSI.sub("", str(error)))
        return 1
    except UnhandledError as error:
        say(cell=error.cell, message=error.message)
        return 1
    except DeadKernelError:
        # Of a process that has ended; kibibytes on Linux, bytes on macOS.
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        say(cell=client.number, died={"code": client.kernel_process and client.kernel_process.poll(), "peakBytes": peak})
        return 1
    nbformat.write(notebook, target)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
