"""Drives the project's kernel as a front end does: kernel_client.py FOLDER, with a JSON list of steps on standard input

A step is one of
  {"run": [CODE, ...], "stop": [TEXT, ...]}  sends all cells at once, as Run All does, and stops once for each text as soon as it is shown
  {"complete": CODE}, {"inspect": CODE}      at the end of the code
  {"dies": CODE}                             runs code that ends the kernel, and starts it again as Jupyter does
Prints a JSON list of what came of each: for `run` a list of cells with their `status`, `count`, `stdout`, `stderr`, `error` (its
traceback), `results` and `displays` (their forms); for the others the content of the reply.
"""

import json
import queue
import subprocess
import sys
import time

from jupyter_client.manager import KernelManager

# Seconds: a machine that computes something else at the same time may be many times slower.
PATIENCE = 3600
# A reader needs longer to press a key: what arrives at once after a failure belongs to the run that it has ended.
PAUSE = 0.4


def main(folder, steps):
    manager = KernelManager(kernel_name="tslab")
    # Node makes the pipe that it inherits one that refuses what does not fit.
    manager.start_kernel(cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=PATIENCE)
    try:
        return [run(manager, client, step) for step in steps]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run(manager, client, step):
    time.sleep(PAUSE)
    if "complete" in step:
        return reply_to(client, client.complete(step["complete"]))
    if "inspect" in step:
        return reply_to(client, client.inspect(step["inspect"]))
    if "dies" in step:
        client.execute(step["dies"])
        for _ in range(PATIENCE * 10):
            if not manager.is_alive():
                break
            time.sleep(0.1)
        manager.restart_kernel(now=True)
        client.wait_for_ready(timeout=PATIENCE)
        return None
    requests = [client.execute(code) for code in step["run"]]
    cells = {request: {"stdout": "", "stderr": "", "results": [], "displays": []} for request in requests}
    stops = list(step.get("stop", []))
    idle = set()
    shown = ""
    while len(idle) < len(requests):
        message = next_message(manager, client)
        cell = cells.get(message["parent_header"].get("msg_id"))
        if cell is None:
            continue
        content = message["content"]
        kind = message["msg_type"]
        if kind == "stream":
            cell[content["name"]] += content["text"]
            shown += content["text"]
        elif kind in ("display_data", "update_display_data"):
            cell["displays"].append(content["data"])
            shown += content["data"].get("text/plain", "")
        elif kind == "execute_result":
            cell["results"].append(content["data"])
        elif kind == "error":
            cell["error"] = "\n".join(content["traceback"])
        elif kind == "status" and content["execution_state"] == "idle":
            idle.add(message["parent_header"]["msg_id"])
        if stops and stops[0] in shown:
            shown = ""
            stops.pop(0)
            manager.interrupt_kernel()
    for request in requests:
        content = reply_to(client, request)
        cells[request].update(status=content["status"], count=content.get("execution_count"))
    return list(cells.values())


def next_message(manager, client):
    for _ in range(PATIENCE):
        try:
            return client.get_iopub_msg(timeout=1)
        except queue.Empty:
            if not manager.is_alive():
                raise RuntimeError("The kernel has died.")
    raise RuntimeError(f"The kernel has said nothing for {PATIENCE} s.")


replies = {}


def reply_to(client, request):
    while request not in replies:
        message = client.get_shell_msg(timeout=PATIENCE)
        replies[message["parent_header"]["msg_id"]] = message["content"]
    return replies.pop(request)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], json.load(sys.stdin))))
